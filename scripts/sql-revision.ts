/**
 * The revision of the SQL in `src/postgres/sql`. A release must not change SQL under a revision that was released
 * before: databases would have two kinds of functions with one number, and neither would count as the newer one.
 */

/** The file `src/postgres/sql/revision.json`. */
export interface SqlRevision {
  /** The number of this state of the tables, functions and views. Raise it with the first change after a release. */
  readonly revision: number
  /** The lowest revision of a library whose processes work on these tables and functions. */
  readonly servesFrom: number
  /** The revisions that were released, each with the checksum of its SQL. */
  readonly released: Readonly<Record<string, string>>
}

/** Returns what is wrong with the revision of SQL that has this checksum. Undefined: nothing. */
export function revisionProblem(file: SqlRevision, checksum: string): string | undefined {
  const { revision, servesFrom, released } = file
  for (const [name, number] of Object.entries({ revision, servesFrom })) {
    if (!Number.isInteger(number) || number < 1) return `\`${name}\` must be a whole number from 1 on`
  }
  if (servesFrom > revision) return `\`servesFrom\` must not exceed \`revision\` (${revision})`
  const last = Math.max(0, ...Object.keys(released).map(Number))
  if (revision < last) return `\`revision\` must not be less than ${last}, which is released`
  if ((released[revision] ?? checksum) !== checksum) {
    return `revision ${revision} is released, and the SQL or \`servesFrom\` differs from it: set \`revision\` to ${revision + 1}`
  }
  return undefined
}
