// The board, kept up to date: one EventSource, a ticking clock, and what both say about age.

import { freshness, reconnect, type Freshness } from './freshness'
import type { BoardSnapshot, Heartbeat, Moment } from './types'

const STREAM = '/api/board/stream'
/** How often ages and durations move. Units: ms. */
const TICK = 250

export class Live {
  board = $state.raw<BoardSnapshot | null>(null)
  /** This machine's time, moved on by `TICK`. */
  #local = $state(Date.now())
  #open = $state(false)
  #heardAt = $state<number | null>(null)
  /** What the server's clock is ahead of this machine's. Units: ms. */
  #ahead = $state(0)
  #source: EventSource | null = null
  #openedAt = 0

  /** The server's time: durations must not depend on how this machine's clock is set. */
  readonly now = $derived(this.#local + this.#ahead)

  readonly age = $derived(this.board ? Math.max(0, this.now - Date.parse(this.board.as_of)) : 0)

  readonly freshness: Freshness = $derived(
    freshness({
      open: this.#open,
      silence: this.#heardAt === null ? null : this.#local - this.#heardAt,
      age: this.age,
      any: (this.board?.position ?? 0) > 0,
    }),
  )

  /** Up to when the board is known to be true: durations on it stand still while nobody knows
   *  whether the calls do. */
  readonly known = $derived(
    this.freshness === 'lost' && this.#heardAt !== null ? this.#heardAt + this.#ahead : this.now,
  )

  /** Connects and ticks until the returned function is called. */
  start(): () => void {
    this.#connect()
    const ticking = setInterval(() => this.#tick(), TICK)
    return () => {
      clearInterval(ticking)
      this.#source?.close()
    }
  }

  #connect(): void {
    this.#source?.close()
    this.#openedAt = Date.now()
    const source = new EventSource(STREAM)
    this.#source = source
    source.onopen = () => (this.#open = true)
    source.onerror = () => (this.#open = false)
    source.addEventListener('board', (event) => {
      const board = parse<BoardSnapshot>(event.data)
      if (!board) return
      this.board = board
      this.#heard(board.server_time)
    })
    source.addEventListener('heartbeat', (event) => {
      const beat = parse<Heartbeat>(event.data)
      // A heartbeat may run ahead of the board it announces; then it does not vouch for ours.
      if (beat && beat.position === this.board?.position) this.#heard(beat.server_time)
    })
  }

  #heard(serverTime: Moment): void {
    const local = Date.now()
    this.#local = local
    this.#heardAt = local
    this.#ahead = Date.parse(serverTime) - local
    this.#open = true
  }

  #tick(): void {
    const local = Date.now()
    this.#local = local
    const closed = this.#source?.readyState === EventSource.CLOSED
    const since = local - Math.max(this.#openedAt, this.#heardAt ?? 0)
    if (reconnect(closed, since)) this.#connect()
  }
}

function parse<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T
  } catch {
    return null
  }
}
