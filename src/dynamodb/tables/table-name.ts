/** Checks the prefix of the table names. */
import { beginning, InvalidInputError } from '../../storage/index.ts'

/** The prefix of the table names, if the caller gives none. */
export const defaultTable = 'eventsourced'

/** Checks a prefix by the rule of AWS, with room for the suffixes. @throws InvalidInputError */
export function checkTableName(table: string): void {
  if (typeof table === 'string' && /^[a-zA-Z0-9_.-]{1,240}$/.test(table)) return
  throw new InvalidInputError(
    'table',
    'must be 1 to 240 letters, digits, underscores, hyphens and dots',
    beginning(table),
  )
}
