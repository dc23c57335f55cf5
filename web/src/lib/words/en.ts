import type { Age } from '../format'
import type {
  AgentState,
  CallState,
  CampaignState,
  CarrierState,
  Disposition,
  FunnelStage,
  IntentionLevel,
} from '../types'
import type { Freshness } from '../freshness'

export interface Words {
  locale: string
  language: string
  board: string
  position: string
  asOf: (age: Age) => string
  emptyLog: string
  freshness: Record<Freshness, string>
  notice: { waiting: string; quiet: (age: Age) => string; lost: (age: Age) => string }
  tiles: {
    label: string
    dials: string
    connectRate: string
    contactRate: string
    talkTime: string
    averageTalk: string
    inProgress: string
    optedOut: string
    answered: (count: string) => string
    persons: (count: string) => string
    ofDials: string
    total: string
    perCall: string
    callsNow: string
    neverAgain: string
  }
  campaigns: { title: string; done: string; none: string }
  funnel: { title: string; step: string; ofLeads: string; stages: Record<FunnelStage, string> }
  chart: {
    title: string
    dials: string
    answered: string
    summary: (dials: string, answered: string) => string
  }
  carriers: {
    title: string
    carrier: string
    state: string
    channels: string
    calls: string
    failed: string
    asr: string
    asrLong: string
    none: string
    states: Record<CarrierState, string>
  }
  robot: { title: string; inUse: (used: string, max: string) => string }
  agents: {
    title: string
    agent: string
    state: string
    since: string
    calls: string
    none: string
    states: Record<AgentState, string>
  }
  calls: {
    title: string
    call: string
    state: string
    handler: string
    carrier: string
    stage: string
    duration: string
    none: string
    more: (count: string) => string
    states: Record<CallState, string>
  }
  recent: {
    title: string
    ended: string
    outcome: string
    level: string
    talk: string
    handler: string
    none: string
    recording: string
    signIn: string
    play: string
    close: string
    sides: string
    cut: string
    dispositions: Record<Disposition, string>
    levels: Record<IntentionLevel, string>
  }
  campaignStates: Record<CampaignState, string>
  robotName: string
}

const ages = { seconds: 's', minutes: 'min', hours: 'h', days: 'd' }

function ageText(age: Age): string {
  return age.unit === 'under_a_second' ? '< 1 s' : `${age.value} ${ages[age.unit]}`
}

export const en: Words = {
  locale: 'en-GB',
  language: 'Language',
  board: 'Live board',
  position: 'Log position',
  asOf: (age) => `as of ${ageText(age)} ago`,
  emptyLog: 'the log is empty',
  freshness: {
    waiting: 'Connecting',
    live: 'Live',
    quiet: 'Live, no new events',
    lost: 'Not connected',
  },
  notice: {
    waiting: 'Waiting for the first board…',
    quiet: (age) => `Nothing new for ${ageText(age)}; these are the latest numbers.`,
    lost: (age) =>
      `Connection lost, trying again. These numbers are ${ageText(age)} old and may be wrong by now.`,
  },
  tiles: {
    label: 'Key figures',
    dials: 'Dials',
    connectRate: 'Connect rate',
    contactRate: 'Contact rate',
    talkTime: 'Talk time',
    averageTalk: 'Average talk',
    inProgress: 'In progress',
    optedOut: 'Opted out',
    answered: (count) => `${count} answered`,
    persons: (count) => `${count} persons`,
    ofDials: 'attempts begun',
    total: 'all ended calls',
    perCall: 'per answered call',
    callsNow: 'calls now',
    neverAgain: 'never call again',
  },
  campaigns: { title: 'Campaigns', done: 'leads done', none: 'No campaign yet.' },
  funnel: {
    title: 'Funnel',
    step: 'of the step before',
    ofLeads: 'of leads',
    stages: {
      leads: 'Leads',
      dialled: 'Dialled',
      answered: 'Answered',
      person: 'Person',
      interested: 'Interested (A, B)',
      agreed: 'Agreed (A)',
    },
  },
  chart: {
    title: 'Last ten minutes',
    dials: 'Dials',
    answered: 'Answered',
    summary: (dials, answered) =>
      `Per ten seconds over the last ten minutes: ${dials} dials, ${answered} answered`,
  },
  carriers: {
    title: 'Carriers',
    carrier: 'Carrier',
    state: 'State',
    channels: 'In use',
    calls: 'Calls',
    failed: 'Failed',
    asr: 'ASR',
    asrLong: 'Answer-seizure ratio: answered of attempted calls',
    none: 'No carriers configured.',
    states: { up: 'Up', down: 'Down' },
  },
  robot: { title: 'Robot channels', inUse: (used, max) => `${used} of ${max} in use` },
  agents: {
    title: 'Agents',
    agent: 'Agent',
    state: 'State',
    since: 'For',
    calls: 'Calls',
    none: 'Nobody is signed in.',
    states: {
      available: 'Available',
      ringing: 'Ringing',
      talking: 'Talking',
      wrap_up: 'Wrap-up',
      break: 'Break',
      signed_out: 'Signed out',
    },
  },
  calls: {
    title: 'Calls in progress',
    call: 'Call',
    state: 'State',
    handler: 'Handler',
    carrier: 'Carrier',
    stage: 'Stage',
    duration: 'Duration',
    none: 'No calls at the moment.',
    more: (count) => `and ${count} more`,
    states: {
      dialling: 'Dialling',
      ringing: 'Ringing',
      answered: 'Answered',
      robot: 'Robot',
      agent: 'Agent',
      ending: 'Ending',
    },
  },
  recent: {
    title: 'Recent attempts',
    ended: 'Ended',
    outcome: 'Outcome',
    level: 'Level',
    talk: 'Talk',
    handler: 'Handler',
    none: 'No attempt has ended yet.',
    recording: 'Recording',
    signIn: 'Sign in to listen',
    play: 'Listen to the recording',
    close: 'Close the recording',
    sides: 'Left the customer, right our side',
    cut: 'its end is missing',
    dispositions: {
      answered_human: 'Person',
      answered_machine: 'Voicemail',
      answered_fax: 'Fax',
      no_answer: 'No answer',
      busy: 'Busy',
      rejected: 'Rejected',
      invalid_number: 'Invalid number',
      switched_off: 'Switched off',
      congestion: 'Congestion',
      carrier_failed: 'Carrier failed',
      blocked: 'Blocked by rule',
      cancelled: 'Cancelled',
      abandoned: 'Abandoned',
    },
    levels: {
      A: 'agreed to a next step',
      B: 'interested',
      C: 'undecided',
      D: 'refused',
      E: 'could not be judged',
      X: 'opted out or complained: never call again',
    },
  },
  campaignStates: {
    created: 'Not started',
    running: 'Running',
    paused: 'Paused',
    completed: 'Completed',
  },
  robotName: 'Robot',
}
