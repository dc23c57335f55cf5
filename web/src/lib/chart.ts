// Where the columns of the chart over time stand. Pure.

import type { SeriesPoint } from './types'

/** Width of a bucket and of the whole axis. Units: ms. */
export const BUCKET = 10_000
export const WINDOW = 600_000

export interface Column {
  at: number
  /** Left edge as a share of the axis, 0 to 1. */
  left: number
  dials: number
  answered: number
  /** Its ten seconds are not over. */
  filling: boolean
}

export interface Axis {
  from: number
  to: number
  /** The value at the top; a multiple of four, so that grid lines stand at whole numbers. */
  top: number
  columns: Column[]
}

/** The last ten minutes before `asOf`; gaps in `series` stay gaps. */
export function axis(series: SeriesPoint[], asOf: number): Axis {
  const last = series.reduce((latest, point) => Math.max(latest, Date.parse(point.at)), 0)
  const to = Math.max(last, Math.floor(asOf / BUCKET) * BUCKET) + BUCKET
  const from = to - WINDOW
  const columns = series
    .map((point) => {
      const at = Date.parse(point.at)
      return {
        at,
        left: (at - from) / WINDOW,
        dials: point.dials,
        answered: point.answered,
        filling: at + BUCKET > asOf,
      }
    })
    .filter((column) => column.left >= 0)
  const most = columns.reduce((max, { dials, answered }) => Math.max(max, dials, answered), 0)
  return { from, to, top: Math.max(4, Math.ceil(most / 4) * 4), columns }
}

/** Whole minutes divisible by two within the axis, with their place on it. */
export function minutes({ from, to }: Axis): { at: number; left: number }[] {
  const step = 120_000
  const ticks = []
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    ticks.push({ at, left: (at - from) / WINDOW })
  }
  return ticks
}
