/**
 * Writes the figures of a run into a document, between two marks, so that nobody needs to copy figures by hand. Each
 * group of cases has a section that says what it was measured on. Groups that did not run stay as they are.
 */
import { readFile, writeFile } from 'node:fs/promises'
import type { Case } from './case.ts'
import { callTimes, figure, problemOf, round, verdict } from './report.ts'
import type { Result } from './result.ts'

const [begin, end] = ['<!-- figures: written by --record -->', '<!-- end of figures -->']

export async function recordRun(
  file: string,
  heading: readonly string[],
  cases: readonly Case[],
  results: readonly Result[],
): Promise<void> {
  const document = await readFile(file, 'utf8')
  const [before, after] = [document.indexOf(begin), document.indexOf(end)]
  if (before < 0 || after < before) throw new Error(`${file} has no marks for the figures`)
  const sections = sectionsOf(document.slice(before + begin.length, after))
  const workOf = new Map(cases.map(({ name, work }) => [name, work]))
  for (const group of new Set(results.map((result) => result.group))) {
    const rows = results
      .filter((result) => result.group === group)
      .map((result) => cellsOf(result, workOf.get(result.case) ?? ''))
    sections.set(group, [...heading.map((line) => `- ${line}`), '', ...table(rows)].join('\n'))
  }
  const written = [...sections].map(([group, text]) => `### ${group}\n\n${text}\n\n`)
  await writeFile(file, `${document.slice(0, before)}${begin}\n\n${written.join('')}${document.slice(after)}`)
}

/** Returns the text of each section by its group. */
function sectionsOf(text: string): Map<string, string> {
  const sections = text.matchAll(/^### (.+)\n([\s\S]*?)(?=^### |(?![\s\S]))/gm)
  return new Map([...sections].map(([, group = '', section = '']) => [group, section.trim()]))
}

const columns = [
  'case',
  'work',
  'ours',
  'peer',
  'ratio',
  'ours: p50 / p95 / p99',
  'peer: p50 / p95 / p99',
  'appends per commit time',
]

/** Returns the lines of a table, without the columns in which no row has a figure. */
function table(rows: readonly (readonly string[])[]): string[] {
  const used = columns.map((_, column) => rows.some((cells) => (cells[column] ?? '') !== ''))
  const line = (cells: readonly string[]) =>
    `| ${columns.flatMap((_, column) => (used[column] ? [cells[column] ?? ''] : [])).join(' | ')} |`
  return [line(columns), `|${'---|'.repeat(used.filter(Boolean).length)}`, ...rows.map(line)]
}

function cellsOf(result: Result, work: string): string[] {
  const { ours, oursSpread, peer, peerSpread, peerName, unit, oursCallTimes, peerCallTimes } = result
  const name = `\`${result.case}\``
  const problem = problemOf(result)
  if (problem !== undefined) return [name, work, problem]
  const peerFigure = peerName === null ? '–' : `${peerName}: ${figure(peer, peerSpread, '')}`
  const times = [callTimes(oursCallTimes), callTimes(peerCallTimes)]
  const appends = result.appendsPerCommitTime === null ? '' : round(result.appendsPerCommitTime)
  return [name, work, figure(ours, oursSpread, unit), peerFigure, verdict(result), ...times, appends]
}
