import { render } from 'svelte/server'
import { afterEach, describe, expect, it } from 'vitest'
import fixture from '../../dev/fixture.json'
import { LANGUAGES, locale, type Language } from '../lib/locale.svelte'
import { newest, Recordings } from '../lib/recordings.svelte'
import type { BoardSnapshot } from '../lib/types'
import Board from './Board.svelte'

const board = fixture as BoardSnapshot
const now = Date.parse(board.server_time)

function page(language: Language, snapshot: BoardSnapshot): string {
  locale.language = language
  const { body } = render(Board, { props: { board: snapshot, now, faded: false } })
  return body.replaceAll(/<!--.*?-->/g, '')
}

afterEach(() => {
  locale.language = 'en'
})

describe.each(Object.keys(LANGUAGES) as Language[])('the board in %s', (language) => {
  it('shows every part with a name for every state', () => {
    const html = page(language, board)
    for (const id of ['tile-dials', 'funnel', 'chart', 'carriers', 'robot', 'agents', 'calls']) {
      expect(html).toContain(`data-testid="${id}"`)
    }
    expect(html).toContain(LANGUAGES[language].funnel.stages.dialled)
    expect(html).not.toMatch(/undefined|NaN|null/)
  })

  it('stands an empty log', () => {
    const none = { campaigns: [], carriers: [], agents: [], calls: [], recent: [], series: [] }
    const html = page(language, { ...board, ...none, position: 0 })
    expect(html).not.toMatch(/undefined|NaN|null/)
  })
})

it('shows a carrier that is down, with its reason', () => {
  const html = page('en', board)
  expect(html).toMatch(/data-carrier="south" data-state="down"/)
  expect(html).toContain('sip_503')
})

it('draws a dash for the share of nothing', () => {
  const html = page('en', { ...board, totals: { ...board.totals, dials: 0, connect_rate_ppm: 0 } })
  expect(html).toMatch(/data-testid="connect-rate-value"[^>]*>–</)
})

describe('who may listen', () => {
  const call = board.recent[0]?.call_id ?? ''
  function recent(door: Recordings['door']): string {
    const recordings = new Recordings()
    recordings.door = door
    const about = { started_at: board.as_of, duration_ms: 9_000, is_cut: false }
    recordings.byCall = newest([{ recording_id: 'r', call_id: call, state: 'stored', ...about }])
    return render(Board, { props: { board, now, faded: false, recordings } }).body
  }

  it('gets a button for each call that is recorded, and no sound before it is pressed', () => {
    const html = recent('open')
    expect(html.match(/data-testid="play"/g)).toHaveLength(1)
    expect(html).toContain(locale.words.recent.recording)
    expect(html).not.toContain('<audio')
  })

  it('is asked to sign in, and sees nothing of it where nobody may', () => {
    expect(recent('asks')).toContain(locale.words.recent.signIn)
    for (const door of ['asks', 'closed'] as const) {
      expect(recent(door)).not.toContain('data-testid="play"')
    }
    expect(recent('closed')).not.toContain(locale.words.recent.signIn)
  })
})
