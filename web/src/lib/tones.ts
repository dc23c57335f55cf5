// Which colour a state has. Colour never stands alone: the state's name is always beside it.

import type {
  AgentState,
  CallState,
  CampaignState,
  CarrierState,
  Disposition,
  IntentionLevel,
} from './types'

export type Tone = 'ok' | 'busy' | 'warn' | 'bad' | 'idle'

export const AGENT: Record<AgentState, Tone> = {
  available: 'ok',
  ringing: 'warn',
  talking: 'busy',
  wrap_up: 'warn',
  break: 'idle',
  signed_out: 'idle',
}

export const CALL: Record<CallState, Tone> = {
  dialling: 'idle',
  ringing: 'warn',
  answered: 'ok',
  robot: 'busy',
  agent: 'ok',
  ending: 'idle',
}

export const CAMPAIGN: Record<CampaignState, Tone> = {
  created: 'idle',
  running: 'ok',
  paused: 'warn',
  completed: 'busy',
}

export const CARRIER: Record<CarrierState, Tone> = { up: 'ok', down: 'bad' }

export const OUTCOME: Record<Disposition, Tone> = {
  answered_human: 'ok',
  answered_machine: 'busy',
  answered_fax: 'busy',
  no_answer: 'idle',
  busy: 'idle',
  rejected: 'idle',
  invalid_number: 'idle',
  switched_off: 'idle',
  congestion: 'warn',
  carrier_failed: 'bad',
  blocked: 'warn',
  cancelled: 'idle',
  abandoned: 'bad',
}

export const LEVEL: Record<IntentionLevel, Tone> = {
  A: 'ok',
  B: 'busy',
  C: 'warn',
  D: 'idle',
  E: 'idle',
  X: 'bad',
}
