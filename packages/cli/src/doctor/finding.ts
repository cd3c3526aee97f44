/** A finding of `doctor`: what it is about, how bad it is, and the command that mends it. */

/** `ok`: looked at, and nothing found. `warning`: the store works. `problem`: a part of it does not. */
export type Severity = 'ok' | 'warning' | 'problem'

export interface Finding {
  readonly severity: Severity
  /** What the finding is about: `tables`, `frontier`, `subscription mailer`. */
  readonly subject: string
  readonly finding: string
  /** A command, or in words what to do; undefined if nothing need be done. */
  readonly remedy: string | undefined
}

export const ok = (subject: string, finding: string): Finding => ({
  severity: 'ok',
  subject,
  finding,
  remedy: undefined,
})

export const warning = (subject: string, finding: string, remedy: string): Finding => ({
  severity: 'warning',
  subject,
  finding,
  remedy,
})

export const problem = (subject: string, finding: string, remedy: string): Finding => ({
  severity: 'problem',
  subject,
  finding,
  remedy,
})

/** A name as one word of a command line in a shell. */
export const word = (name: string): string =>
  /^[\w.:/@-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`
