// Whether the numbers on the page may be believed. Pure.

/** Numbers older than this are no longer called live. Units: ms. */
export const OLD_AFTER = 5_000

/** - `waiting`: nothing came yet.
 *  - `live`: the numbers are at most `OLD_AFTER` old.
 *  - `quiet`: the server is there and says that nothing happened since.
 *  - `lost`: nothing was heard from the server, so nobody knows what happened since. */
export type Freshness = 'waiting' | 'live' | 'quiet' | 'lost'

export interface Heard {
  /** The stream is open. */
  open: boolean
  /** Since the last word from the server, in ms; null where there was none. */
  silence: number | null
  /** Since the event at the board's position was recorded, in ms. */
  age: number
  /** Events exist; an empty log is not old. */
  any: boolean
}

/** Between attempts, where the browser itself has given up. Units: ms. */
const RETRY = 1_000

/** Whether to open the stream anew. A browser reconnects by itself after a broken connection,
 *  but not after an error status (`closed`), and it does not notice one that has gone silent.
 *  `since`: the last word or the last attempt, whichever is later. Units: ms. */
export function reconnect(closed: boolean, since: number): boolean {
  return since > (closed ? RETRY : OLD_AFTER)
}

export function freshness({ open, silence, age, any }: Heard): Freshness {
  if (silence === null) return 'waiting'
  if (!open || silence > OLD_AFTER) return 'lost'
  return any && age > OLD_AFTER ? 'quiet' : 'live'
}
