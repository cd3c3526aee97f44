/** The exit codes of all commands. `eventsourced --help` lists them. */

/** The command did what it was asked to do. */
export const done = 0
/** The command failed: the store or the database answered with an error. */
export const failed = 1
/** The command line is wrong: an unknown command or option, or a value that does not fit. */
export const usage = 2
/** `migrate --check`: a migration is pending. */
export const pending = 3
/** The command found problems: `doctor`, `projections verify`, or a part of a bulk operation failed. */
export const problems = 4
/** `check`: the catalogue cannot read a stored event, or today's data does not fit its schema. */
export const unreadable = 5
/** Ctrl-C, as a shell reports it. */
export const interrupted = 130

export const meanings: readonly (readonly [number, string])[] = [
  [done, 'done'],
  [failed, 'the store or the database answered with an error'],
  [usage, 'the command line is wrong'],
  [pending, 'migrate --check: a migration is pending'],
  [problems, 'the command found problems (doctor, verify, a part of a bulk operation)'],
  [unreadable, 'check: stored events cannot be read, or do not fit their schema'],
  [interrupted, 'interrupted by Ctrl-C'],
]
