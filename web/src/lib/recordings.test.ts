import { afterEach, describe, expect, it, vi } from 'vitest'
import { audioOf, newest, Recordings, type Recording } from './recordings.svelte'

function recording(id: string, call: string, state: Recording['state'] = 'stored'): Recording {
  const known = state === 'stored'
  return {
    recording_id: id,
    call_id: call,
    started_at: '2026-11-21T09:30:00Z',
    state,
    duration_ms: known ? 31_000 : null,
    is_cut: known ? false : null,
  }
}

function answers(...list: { status: number; body?: unknown }[]): ReturnType<typeof vi.fn> {
  const asked = vi.fn()
  for (const { status, body } of list) {
    asked.mockResolvedValueOnce(new Response(JSON.stringify(body ?? {}), { status }))
  }
  vi.stubGlobal('fetch', asked)
  return asked
}

afterEach(() => vi.unstubAllGlobals())

describe('recordings', () => {
  it('are those that are stored, the newest of each call', () => {
    const all = [
      recording('3', 'b', 'recording'),
      recording('2', 'a'),
      recording('1', 'a'),
      recording('0', 'b'),
    ]
    const byCall = newest(all)
    expect([...byCall.values()].map((one) => one.recording_id)).toEqual(['2', '0'])
    expect(audioOf(recording('2', 'a'))).toBe('/api/recordings/2/audio')
  })

  it('are not there where nobody may listen', async () => {
    const asked = answers({ status: 403 })
    const recordings = new Recordings()
    await recordings.look()
    expect(recordings.door).toBe('closed')
    expect(asked.mock.calls[0]?.[1]).toMatchObject({ credentials: 'omit' })
  })

  it('open to who signs in and may listen', async () => {
    const asked = answers(
      { status: 401 },
      { status: 200, body: { may_listen: true, recordings: [recording('1', 'a')] } },
    )
    const recordings = new Recordings()
    await recordings.look()
    expect(recordings.door).toBe('asks')
    await recordings.signIn()
    expect(recordings.door).toBe('open')
    expect(recordings.byCall.get('a')?.recording_id).toBe('1')
    expect(asked.mock.calls[1]?.[1]).toMatchObject({ credentials: 'same-origin' })
  })

  it('stay closed to who may not, and ask on where signing in was given up', async () => {
    answers({ status: 401 }, { status: 401 }, { status: 200, body: { may_listen: false, recordings: [] } })
    const recordings = new Recordings()
    await recordings.look()
    await recordings.signIn()
    expect(recordings.door).toBe('asks')
    await recordings.signIn()
    expect(recordings.door).toBe('closed')
  })
})
