// The board as the server sends it. Mirrors `src/api/board.rs` field by field; the Rust test
// `the_snapshot_keeps_its_shape` holds both to `dev/fixture.json`.
// Moments are RFC 3339 in UTC, spans milliseconds, shares parts per million.

export type Moment = string

export const FUNNEL_STAGES = [
  'leads',
  'dialled',
  'answered',
  'person',
  'interested',
  'agreed',
] as const
export type FunnelStage = (typeof FUNNEL_STAGES)[number]

export type CampaignState = 'created' | 'running' | 'paused' | 'completed'
export type CarrierState = 'up' | 'down'
export type AgentState = 'available' | 'ringing' | 'talking' | 'wrap_up' | 'break' | 'signed_out'
export type CallState = 'dialling' | 'ringing' | 'answered' | 'robot' | 'agent' | 'ending'
export type IntentionLevel = 'A' | 'B' | 'C' | 'D' | 'E' | 'X'
export type Disposition =
  | 'answered_human'
  | 'answered_machine'
  | 'answered_fax'
  | 'no_answer'
  | 'busy'
  | 'rejected'
  | 'invalid_number'
  | 'switched_off'
  | 'congestion'
  | 'carrier_failed'
  | 'blocked'
  | 'cancelled'
  | 'abandoned'

export interface CampaignRow {
  campaign_id: string
  name: string
  state: CampaignState
  script: string
  leads: number
  dialled: number
  attempts: number
  in_progress: number
  answered: number
  contacts: number
  interested: number
  agreed: number
  opted_out: number
  completed_leads: number
}

export interface Totals {
  dials: number
  answered: number
  contacts: number
  connect_rate_ppm: number
  contact_rate_ppm: number
  talk_ms: number
  average_talk_ms: number
  in_progress: number
  opted_out: number
}

export interface FunnelStep {
  stage: FunnelStage
  count: number
}

export interface CarrierRow {
  carrier_id: string
  state: CarrierState
  reason: string | null
  channels_in_use: number
  channels_max: number
  weight: number
  attempts: number
  answered: number
  failed: number
  answer_seizure_ppm: number
}

export interface RobotChannels {
  channels_in_use: number
  channels_max: number
}

export interface AgentRow {
  agent_id: string
  state: AgentState
  since: Moment
  calls: number
}

export interface CallRow {
  call_id: string
  campaign_id: string
  state: CallState
  /** `robot` or an agent's id. */
  handler: string | null
  carrier_id: string | null
  stage: string | null
  started_at: Moment
  answered_at: Moment | null
}

export interface RecentRow {
  call_id: string
  disposition: Disposition
  level: IntentionLevel | null
  talk_ms: number
  /** `robot` or an agent's id. */
  handler: string | null
  carrier_id: string | null
  ended_at: Moment
}

/** What happened within ten seconds. */
export interface SeriesPoint {
  at: Moment
  dials: number
  answered: number
  ended: number
}

export interface BoardSnapshot {
  position: number
  as_of: Moment
  server_time: Moment
  campaigns: CampaignRow[]
  totals: Totals
  funnel: FunnelStep[]
  carriers: CarrierRow[]
  robot: RobotChannels
  agents: AgentRow[]
  calls: CallRow[]
  recent: RecentRow[]
  series: SeriesPoint[]
}

/** Nothing new since `position`, and the server is still there. */
export type Heartbeat = Pick<BoardSnapshot, 'position' | 'as_of' | 'server_time'>
