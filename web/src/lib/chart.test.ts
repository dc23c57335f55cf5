import { expect, it } from 'vitest'
import { axis, BUCKET, minutes, WINDOW } from './chart'

const at = (text: string) => Date.parse(`2026-11-21T${text}Z`)
const point = (text: string, dials: number, answered = 0) => ({
  at: `2026-11-21T${text}Z`,
  dials,
  answered,
  ended: 0,
})

it('ends with the bucket that is filling', () => {
  const { from, to, columns } = axis([point('09:29:50', 1), point('09:30:00', 2)], at('09:30:04'))
  expect(to).toBe(at('09:30:10'))
  expect(to - from).toBe(WINDOW)
  expect(columns.map(({ filling }) => filling)).toEqual([false, true])
  expect(columns[1]?.left).toBeCloseTo(1 - BUCKET / WINDOW)
})

it('leaves out what is older than the axis, and keeps gaps', () => {
  const { columns } = axis([point('09:19:00', 9), point('09:25:00', 1)], at('09:30:00'))
  expect(columns).toHaveLength(1)
})

it('has room for the tallest column and whole numbers on its grid', () => {
  expect(axis([point('09:30:00', 3, 5)], at('09:30:00')).top).toBe(8)
  expect(axis([], at('09:30:00')).top).toBe(4)
})

it('marks every second minute', () => {
  const ticks = minutes(axis([], at('09:30:04')))
  expect(ticks.map((tick) => new Date(tick.at).getUTCMinutes())).toEqual([22, 24, 26, 28, 30])
})
