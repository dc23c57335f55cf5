// Recordings of the calls on the board, for whoever may listen to them.
// The browser asks for user and password, and keeps them: `<audio>` can send no header of its own.

const LIST = '/api/recordings'
/** As many as the board has calls that ended, and some that wait to be stored. */
const MOST = 200
/** A recording is stored a moment after its call ended. Units: ms. */
const LOOK_AGAIN = 4_000

export interface Recording {
  recording_id: string
  call_id: string
  started_at: string
  state: 'stored' | 'recording'
  duration_ms: number | null
  is_cut: boolean | null
}

interface Answer {
  may_listen: boolean
  recordings: Recording[]
}

/** Whether there is anything to hear: nobody may, somebody else may, or this user may. */
export type Door = 'closed' | 'asks' | 'open'

export class Recordings {
  door = $state<Door>('closed')
  /** By call; the newest, where a call has several. */
  byCall = $state.raw<ReadonlyMap<string, Recording>>(new Map())
  #waiting: ReturnType<typeof setTimeout> | undefined

  /** Finds out whether anybody may listen, without asking for a password. */
  async look(): Promise<void> {
    const status = await ask('omit').then((response) => response.status, () => 0)
    if (this.door === 'closed' && status === 401) this.door = 'asks'
  }

  /** Has the browser ask for user and password, where it does not have them yet. */
  async signIn(): Promise<void> {
    const response = await ask('same-origin').catch(() => null)
    if (!response?.ok) return
    const answer = (await response.json()) as Answer
    this.door = answer.may_listen ? 'open' : 'closed'
    if (this.door === 'open') this.byCall = newest(answer.recordings)
  }

  /** A call ended: its recording is there in a moment. */
  refresh(): void {
    if (this.door !== 'open' || this.#waiting !== undefined) return
    this.#waiting = setTimeout(() => {
      this.#waiting = undefined
      void this.signIn()
    }, LOOK_AGAIN)
  }

  stop(): void {
    clearTimeout(this.#waiting)
  }
}

/** Where the sound of a recording is. */
export function audioOf(recording: Recording): string {
  return `${LIST}/${recording.recording_id}/audio`
}

/** The newest recording of each call that is stored; they come newest first. */
export function newest(recordings: readonly Recording[]): ReadonlyMap<string, Recording> {
  const byCall = new Map<string, Recording>()
  for (const one of recordings) {
    if (one.state === 'stored' && !byCall.has(one.call_id)) byCall.set(one.call_id, one)
  }
  return byCall
}

function ask(credentials: RequestCredentials): Promise<Response> {
  return fetch(`${LIST}?limit=${MOST}`, { credentials, cache: 'no-store' })
}
