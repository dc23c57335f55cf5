// Numbers, shares and spans as people read them. Pure: no clock, no state.

/** Stands where there is no number: a share of nothing, a call without a handler. */
export const NONE = '–'

export function count(value: number, locale: string): string {
  return new Intl.NumberFormat(locale).format(value)
}

/** A share in percent, one digit behind the point; `NONE` where its whole is 0. */
export function share(ppm: number, whole: number): string {
  return whole === 0 ? NONE : `${(ppm / 10_000).toFixed(1)}%`
}

/** `part` of `whole` in parts per million, never above all of it; 0 where there is no whole. */
export function ppm(part: number, whole: number): number {
  if (whole <= 0) return 0
  return Math.min(1_000_000, Math.round((part / whole) * 1_000_000))
}

/** A span as `m:ss`, or `h:mm:ss` from an hour on. A negative span is 0: clocks disagree. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  const rest = String(seconds % 60).padStart(2, '0')
  if (hours === 0) return `${minutes}:${rest}`
  return `${hours}:${String(minutes).padStart(2, '0')}:${rest}`
}

/** The wall clock's time of day. */
export function timeOfDay(at: number, locale: string, seconds = true): string {
  return new Intl.DateTimeFormat(locale, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    ...(seconds ? { second: '2-digit' } : {}),
  }).format(at)
}

/** An age, in the largest unit that says enough. */
export type Age =
  | { unit: 'under_a_second' }
  | { unit: 'seconds' | 'minutes' | 'hours' | 'days'; value: number }

export function age(ms: number): Age {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 1) return { unit: 'under_a_second' }
  if (seconds < 120) return { unit: 'seconds', value: seconds }
  if (seconds < 120 * 60) return { unit: 'minutes', value: Math.floor(seconds / 60) }
  if (seconds < 48 * 3600) return { unit: 'hours', value: Math.floor(seconds / 3600) }
  return { unit: 'days', value: Math.floor(seconds / 86_400) }
}

/** Ids are long and their beginning is a time; the end tells calls apart; `audit explain` takes it. */
export function shortId(id: string): string {
  return id.length > 8 ? id.slice(-8) : id
}
