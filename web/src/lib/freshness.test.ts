import { expect, it } from 'vitest'
import { freshness, OLD_AFTER, reconnect, type Heard } from './freshness'

const live: Heard = { open: true, silence: 0, age: 0, any: true }

it.each([
  ['live', {}],
  ['live', { silence: OLD_AFTER, age: OLD_AFTER }],
  ['quiet', { age: OLD_AFTER + 1 }],
  ['live', { age: OLD_AFTER + 1, any: false }],
  ['lost', { silence: OLD_AFTER + 1, age: OLD_AFTER + 1 }],
  ['lost', { open: false }],
  ['waiting', { silence: null }],
  ['waiting', { silence: null, open: false }],
] as const)('is %s at %o', (expected, heard) => {
  expect(freshness({ ...live, ...heard })).toBe(expected)
})

it('opens the stream anew once it is closed or silent, and not at every tick', () => {
  expect(reconnect(true, 1_001)).toBe(true)
  expect(reconnect(true, 900)).toBe(false)
  expect(reconnect(false, OLD_AFTER)).toBe(false)
  expect(reconnect(false, OLD_AFTER + 1)).toBe(true)
})
