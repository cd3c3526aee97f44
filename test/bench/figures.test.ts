/** Turns the figures of the rounds into a verdict, a line, a chart and the document. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { barChart } from '../../bench/bar-chart.ts'
import type { Case, Turn } from '../../bench/case.ts'
import { recordRun } from '../../bench/record.ts'
import { resultLines } from '../../bench/report.ts'
import { failedResult, resultOf, skippedResult } from '../../bench/result.ts'

const neverSetUp = { setUp: () => Promise.reject(new Error('The test must not run this')) }
const faster: Case = {
  name: 'append',
  group: 'append',
  work: 'some work',
  unit: 'events/s',
  better: 'higher',
  target: 2,
  ours: { name: 'eventsourced', ...neverSetUp },
  peer: { name: 'Peer', ...neverSetUp },
}
const { peer: _, ...alone } = faster

const turns = (...values: number[]): Turn[] => values.map((value) => ({ value }))

it('judges the median of the ratios of the rounds, not the ratio of the medians', () => {
  const result = resultOf(faster, turns(100, 300, 40), turns(50, 100, 10))
  expect(result).toMatchObject({ ours: 100, peer: 50, ratio: 3, ok: true, rounds: 3 })
  expect(result).toMatchObject({ oursSpread: [40, 300], peerSpread: [10, 100], ratioSpread: [2, 4] })
  expect(resultOf({ ...faster, target: 3.1 }, turns(100, 300, 40), turns(50, 100, 10)).ok).toBe(false)
})

it('takes the mean of the middle two of an even number of rounds', () => {
  expect(resultOf(faster, turns(1, 2, 30, 4), turns(1, 1, 1, 1))).toMatchObject({ ours: 3, ratio: 3 })
})

it('compares costs where lower is better', () => {
  const slower: Case = { ...faster, better: 'lower', target: 1.3 }
  expect(resultOf(slower, turns(100), turns(120))).toMatchObject({ ratio: 1.2, ok: true })
  expect(resultOf(slower, turns(100), turns(140))).toMatchObject({ ratio: 1.4, ok: false })
})

it('compares the figure itself with the target if there is no peer', () => {
  const memory: Case = { ...alone, better: 'lower', target: 100, unit: 'MB' }
  expect(resultOf(memory, turns(80, 90), turns())).toMatchObject({
    ours: 85,
    peer: null,
    ratio: null,
    ok: true,
  })
  expect(resultOf(memory, turns(120), turns()).ok).toBe(false)
})

it('shows the times of the calls beneath the rates: the median of each percentile over the rounds', () => {
  const ofTimes = (...times: number[]): Turn[] =>
    times.map((p50) => ({
      value: 1000 / p50,
      loop: { operations: 100, perSecond: 1000 / p50, callTimes: { p50, p95: p50 * 2, p99: p50 * 10 } },
    }))
  const result = resultOf(faster, ofTimes(3, 1, 2), ofTimes(20, 40, 30))
  expect(result.oursCallTimes).toEqual({ p50: 2, p95: 4, p99: 20 })
  expect(result.peerCallTimes).toEqual({ p50: 30, p95: 60, p99: 300 })
  expect(resultLines(result)).toMatch(/\n +p50 \/ p95 \/ p99 of a call +2 \/ 4 \/ 20 ms +30 \/ 60 \/ 300 ms$/)
  expect(resultOf(faster, turns(3), turns(1)).oursCallTimes).toBeNull()
  expect(resultLines(resultOf(faster, turns(3), turns(1)))).not.toContain('\n')
})

it('counts the appends in the time of one commit, by calls, and only where each call is an append', () => {
  const loop = { operations: 60, perSecond: 30, callTimes: { p50: 33, p95: 40, p99: 50 } }
  const bulk = [{ value: 30_000, loop }]
  const result = resultOf(faster, bulk, turns(10_000), 0.5)
  expect(result.appendsPerCommitTime).toBe(0.015)
  expect(resultLines(result)).toMatch(/ 0\.015 appends per commit time$/)
  expect(resultOf(faster, bulk, turns(10_000)).appendsPerCommitTime).toBeNull()
  expect(resultOf({ ...faster, group: 'command' }, bulk, turns(10_000), 0.5).appendsPerCommitTime).toBeNull()
})

it('says why a case has no figures', () => {
  expect(resultLines(skippedResult(faster, 'no such program'))).toContain('skipped: no such program')
  expect(resultLines(failedResult(faster, new Error('3 events are missing')))).toContain('FAILED: 3 events')
})

it('draws within its width, and escapes its texts', () => {
  const bars = [
    { name: 'eventsourced', value: 5, label: '5 <events>/s' },
    { name: 'Peer', value: 20, label: '20' },
  ]
  const svg = barChart('A & B', [], [{ title: 'case', verdict: '0.25', met: false, bars, mark: 40 }])
  expect(svg).toContain('A &amp; B')
  expect(svg).toContain('5 &lt;events&gt;/s')
  const ends = [...svg.matchAll(/<rect x="(\d+)" y="\d+" width="([\d.]+)"/g)].map(
    ([, x, width]) => Number(x) + Number(width),
  )
  expect(ends).toHaveLength(2)
  expect(Math.max(...ends)).toBeLessThanOrEqual(760)
})

it('replaces only the groups that ran, and only between the marks', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'eventsourced-record-'))
  const file = join(folder, 'README.md')
  await writeFile(
    file,
    'before\n<!-- figures: written by --record -->\n\n### read\n\nkept\n\n### append\n\nold\n\n<!-- end of figures -->\nafter\n',
  )
  const result = resultOf(faster, turns(1234.5), turns(100))
  await recordRun(file, ['a machine'], [faster], [result])
  const once = await readFile(file, 'utf8')
  expect(once).toMatch(/^before\n.*\n- a machine\n.*\nafter\n$/s)
  expect(once).toContain('| `append` | some work | 1,230 (1,230–1,230) events/s | Peer: 100 (100–100) |')
  expect(once).not.toContain('old')
  expect(once).toMatch(/### read\n\nkept\n\n### append\n\n- a machine\n\n\| case/)
  await recordRun(file, ['a machine'], [faster], [result])
  expect(await readFile(file, 'utf8')).toBe(once)
  expect(once).toContain('| case | work | ours | peer | ratio |\n')

  const loop = { operations: 1, perSecond: 100, callTimes: { p50: 1, p95: 2, p99: 3 } }
  await recordRun(file, ['a machine'], [faster], [resultOf(faster, [{ value: 200, loop }], turns(100), 20)])
  const timed = await readFile(file, 'utf8')
  expect(timed).toContain(
    '| case | work | ours | peer | ratio | ours: p50 / p95 / p99 | appends per commit time |\n',
  )
  expect(timed).toContain('| 2.00 (≥ 2) ok | 1 / 2 / 3 ms | 2 |\n')
  await rm(folder, { recursive: true })
})
