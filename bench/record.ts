/** Writes the figures of a run into the document, between two marks, so that nobody copies figures by hand. */
import { readFile, writeFile } from 'node:fs/promises'
import type { Case } from './case.ts'
import { figure, problemOf, verdict } from './report.ts'
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
  const workOf = new Map(cases.map(({ name, work }) => [name, work]))
  const rows = results.map((result) => rowOf(result, workOf.get(result.case) ?? ''))
  const lines = [
    begin,
    '',
    ...heading.map((line) => `- ${line}`),
    '',
    '| case | work | ours | peer | ratio |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ]
  await writeFile(file, document.slice(0, before) + lines.join('\n') + document.slice(after))
}

function rowOf(result: Result, work: string): string {
  const { ours, oursSpread, peer, peerSpread, peerName, unit } = result
  const name = `| \`${result.case}\` | ${work} | `
  const problem = problemOf(result)
  if (problem !== undefined) return `${name}${problem} | | |`
  const peerFigure = peerName === null ? '–' : `${peerName}: ${figure(peer, peerSpread, '')}`
  return `${name}${figure(ours, oursSpread, unit)} | ${peerFigure} | ${verdict(result)} |`
}
