/** An error that ends a command with a message, without a stack, and with an exit code. */
import { failed, usage } from './exit-codes.ts'

export class CommandFailure extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number = failed) {
    super(message)
    this.exitCode = exitCode
  }
}

/** The message of an error, and the code of an error of the library, by which the documentation names it. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? `${error.message} (${code})` : error.message
}

/** What a person at the command line reads: the text, and the command that tells more about tables that do not fit. */
export function toldText(error: unknown): string {
  const isMismatch = error instanceof Error && 'code' in error && error.code === 'schema-mismatch'
  if (!isMismatch) return textOf(error)
  return `${textOf(error)}. \`eventsourced migrate\` creates and updates the tables; with --check it only says what is pending`
}

/** The command line is wrong. The message says what to write instead. */
export function wrongUsage(message: string): CommandFailure {
  return new CommandFailure(message, usage)
}
