/**
 * A client's history: a file of JSON lines. Each line is written before the client goes on, and outlives a kill -9 of its
 * process, as the operating system has it by then; no campaign crashes the machine, so nobody waits for the disk.
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'

export class History<Line> {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
    // What a killed process was about to write may lack its end.
    if (fstatSync(this.#file).size > 0) writeSync(this.#file, '\n')
  }

  write(line: Line): void {
    const text = Buffer.from(`${JSON.stringify(line)}\n`)
    for (let at = 0; at < text.length; ) at += writeSync(this.#file, text, at)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** The lines of a history, without those that were being written when their process was killed. */
export function readHistory<Line>(path: string): Line[] {
  if (!existsSync(path)) return []
  const lines: Line[] = []
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    if (!text.endsWith('}')) continue
    try {
      lines.push(JSON.parse(text) as Line)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
  }
  return lines
}
