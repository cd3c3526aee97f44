/** Turns the figures of the rounds into a verdict, a line, a chart and the document. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { barChart } from '../../bench/bar-chart.ts'
import type { Case } from '../../bench/case.ts'
import { recordRun } from '../../bench/record.ts'
import { resultLine } from '../../bench/report.ts'
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

it('judges the median of the ratios of the rounds, not the ratio of the medians', () => {
  const result = resultOf(faster, [100, 300, 40], [50, 100, 10])
  expect(result).toMatchObject({ ours: 100, peer: 50, ratio: 3, ok: true, rounds: 3 })
  expect(result).toMatchObject({ oursSpread: [40, 300], peerSpread: [10, 100], ratioSpread: [2, 4] })
  expect(resultOf({ ...faster, target: 3.1 }, [100, 300, 40], [50, 100, 10]).ok).toBe(false)
})

it('takes the mean of the middle two of an even number of rounds', () => {
  expect(resultOf(faster, [1, 2, 30, 4], [1, 1, 1, 1])).toMatchObject({ ours: 3, ratio: 3 })
})

it('compares costs where lower is better', () => {
  const slower: Case = { ...faster, better: 'lower', target: 1.3 }
  expect(resultOf(slower, [100], [120])).toMatchObject({ ratio: 1.2, ok: true })
  expect(resultOf(slower, [100], [140])).toMatchObject({ ratio: 1.4, ok: false })
})

it('compares the figure itself with the target if there is no peer', () => {
  const memory: Case = { ...alone, better: 'lower', target: 100, unit: 'MB' }
  expect(resultOf(memory, [80, 90], [])).toMatchObject({ ours: 85, peer: null, ratio: null, ok: true })
  expect(resultOf(memory, [120], []).ok).toBe(false)
})

it('says why a case has no figures', () => {
  expect(resultLine(skippedResult(faster, 'no such program'))).toContain('skipped: no such program')
  expect(resultLine(failedResult(faster, new Error('3 events are missing')))).toContain('FAILED: 3 events')
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
  const result = resultOf(faster, [1234.5], [100])
  await recordRun(file, ['a machine'], [faster], [result])
  const once = await readFile(file, 'utf8')
  expect(once).toMatch(/^before\n.*\n- a machine\n.*\nafter\n$/s)
  expect(once).toContain('| `append` | some work | 1,230 (1,230–1,230) events/s | Peer: 100 (100–100) |')
  expect(once).not.toContain('old')
  expect(once).toMatch(/### read\n\nkept\n\n### append\n\n- a machine\n\n\| case/)
  await recordRun(file, ['a machine'], [faster], [result])
  expect(await readFile(file, 'utf8')).toBe(once)
  await rm(folder, { recursive: true })
})
