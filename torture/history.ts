/** A client's history: a file of JSON lines, each on the disk before the client goes on. */
import { existsSync, readFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

export class History<Line> {
  readonly #file: FileHandle
  #waiting: { readonly text: string; done(): void; failed(error: unknown): void }[] = []
  #flushing: Promise<void> | undefined

  private constructor(file: FileHandle) {
    this.#file = file
  }

  static async open<Line>(path: string): Promise<History<Line>> {
    const file = await open(path, 'a')
    // What a killed process was about to write may lack its end.
    if ((await file.stat()).size > 0) await file.write('\n')
    return new History<Line>(file)
  }

  /** Resolves when the line is on the disk; lines that are written at once share the wait. */
  write(line: Line): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ text: `${JSON.stringify(line)}\n`, done, failed })
      this.#flushing ??= this.#flush()
    })
  }

  async close(): Promise<void> {
    await this.#flushing
    await this.#file.close()
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting
      this.#waiting = []
      try {
        await this.#file.appendFile(lines.map(({ text }) => text).join(''))
        await this.#file.datasync()
        for (const { done } of lines) done()
      } catch (error) {
        for (const { failed } of lines) failed(error)
      }
    }
    this.#flushing = undefined
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
