/** Runs command lines in this process, with the terminal of a script: no dialogs, no colours. */
import { runCommandLine } from '../src/program.ts'

export interface Outcome {
  readonly exitCode: number
  /** The lines of the standard output. */
  readonly out: readonly string[]
  /** The text of the standard error. */
  readonly err: string
}

/** Runs a command line. With `--json` among the words, `rows` parses the output. */
export async function run(...words: readonly string[]): Promise<Outcome> {
  const out: string[] = []
  const err: string[] = []
  const terminal = {
    out: async (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    isInteractive: false,
  }
  const exitCode = await runCommandLine(words, terminal, new AbortController().signal)
  return { exitCode, out, err: err.join('\n') }
}

/** The objects that a command printed with `--json`. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows what its command prints
export const rows = ({ out }: Outcome): any[] => out.map((line) => JSON.parse(line))
