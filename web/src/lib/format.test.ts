import { describe, expect, it } from 'vitest'
import { age, count, NONE, ppm, share, shortId, span, timeOfDay } from './format'

describe('share', () => {
  it('has one digit behind the point', () => {
    expect(share(460_076, 263)).toBe('46.0%')
    expect(share(1_000_000, 1)).toBe('100.0%')
  })
  it('is a dash where there is no whole, and 0 where there is', () => {
    expect(share(0, 0)).toBe(NONE)
    expect(share(0, 3)).toBe('0.0%')
  })
})

describe('ppm', () => {
  it('never leaves 0 to a million', () => {
    expect(ppm(1, 0)).toBe(0)
    expect(ppm(1, 3)).toBe(333_333)
    expect(ppm(4, 3)).toBe(1_000_000)
  })
})

describe('span', () => {
  it.each([
    [-250, '0:00'],
    [999, '0:00'],
    [61_000, '1:01'],
    [3_599_999, '59:59'],
    [3_600_000, '1:00:00'],
    [4_581_000, '1:16:21'],
  ])('writes %i ms as %s', (ms, text) => expect(span(ms)).toBe(text))
})

describe('age', () => {
  it.each([
    [0, { unit: 'under_a_second' }],
    [999, { unit: 'under_a_second' }],
    [1_000, { unit: 'seconds', value: 1 }],
    [119_999, { unit: 'seconds', value: 119 }],
    [120_000, { unit: 'minutes', value: 2 }],
    [7_200_000, { unit: 'hours', value: 2 }],
    [172_800_000, { unit: 'days', value: 2 }],
  ])('of %i ms', (ms, expected) => expect(age(ms)).toEqual(expected))
})

it('groups digits as the language does', () => {
  expect(count(18_427, 'en-GB')).toBe('18,427')
  expect(count(18_427, 'zh-CN')).toBe('18,427')
})

it('writes midnight as 00, not 24', () => {
  expect(timeOfDay(new Date(2026, 10, 21, 0, 5, 9).getTime(), 'en-GB')).toBe('00:05:09')
  expect(timeOfDay(new Date(2026, 10, 21, 0, 5, 9).getTime(), 'zh-CN', false)).toBe('00:05')
})

it('shortens ids to the end that differs', () => {
  expect(shortId('01935000-0000-7000-8000-0000000000a1')).toBe('000000a1')
  expect(shortId('short')).toBe('short')
})
