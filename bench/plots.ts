/** Draws one plot for each group of cases from the figures of a run. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BarPair, barChart } from './bar-chart.ts'
import type { Group } from './case.ts'
import { round, verdict } from './report.ts'
import type { Result } from './result.ts'

const titles: Readonly<Record<Group, string>> = {
  append: 'Appending events',
  read: 'Reading streams',
  command: 'Handling commands',
  import: 'Importing a log',
  projection: 'Projections and subscriptions',
  growth: 'Long logs: memory, and speed among many events',
  network: 'The same, with 2 ms more for each round trip',
  dynamodb: 'On an emulator of DynamoDB',
  catalogue: 'What a catalogue costs',
  observe: 'What an observer costs',
}

const legend =
  'Each pair has its own scale. The orange line is the target: our bar must reach it (for memory: must not exceed it).'

/** Draws each group that has results, and returns the files that it wrote. */
export async function drawPlots(
  folder: string,
  results: readonly Result[],
  heading: readonly string[],
): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  const files: string[] = []
  for (const [group, title] of Object.entries(titles)) {
    const pairs = results.flatMap((result) => (result.group === group ? pairOf(result) : []))
    if (pairs.length === 0) continue
    const file = join(folder, `${group}.svg`)
    await writeFile(file, barChart(title, [...heading, legend], pairs))
    files.push(file)
  }
  return files
}

function pairOf(result: Result): BarPair[] {
  const { ours, oursName, peer, peerName, unit, ratio, target, better, ok } = result
  if (ours === null) return []
  const bars = [{ name: oursName, value: ours, label: `${round(ours)} ${unit}` }]
  if (peer !== null && peerName !== null) {
    bars.push({ name: peerName, value: peer, label: `${round(peer)} ${unit}` })
  }
  // The bars are medians of their own, so the mark is as far from our bar as the judged ratio is from its target.
  const part = better === 'higher' ? target / (ratio ?? 1) : (ratio ?? 1) / target
  const mark = ratio === null ? target : ours * part
  return [{ title: result.case, verdict: verdict(result), met: ok === true, bars, mark }]
}
