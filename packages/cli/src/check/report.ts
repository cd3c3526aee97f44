/** What `check` shows to people: a table of the stored kinds of events, and the events that have failed. */
import type { CheckResult, StoredKind } from '@eventsourced/core'
import type { Column } from '../output/printer.ts'

export const kindColumns: readonly Column<StoredKind>[] = [
  { title: 'stored type', width: 32, text: ({ type }) => type },
  {
    title: 'schema version',
    width: 14,
    align: 'right',
    text: ({ schemaVersion }) => String(schemaVersion),
  },
  { title: 'events', width: 10, align: 'right', text: ({ events }) => String(events) },
  { title: 'failed', width: 10, align: 'right', text: ({ failed }) => String(failed) },
  { title: 'read as', width: 0, text: todayOf },
]

function todayOf({ isKnown, today, failed, events }: StoredKind): string {
  if (!isKnown) return 'not in the catalogue'
  if (today.length > 0) return today.join(', ')
  return failed === events ? '' : 'left out'
}

/** Returns the lines that stand below the table. */
export function conclusion(result: CheckResult): string {
  return [...failures(result), ...unlistedLine(result), ...unusedLine(result), verdict(result)].join('\n')
}

function failures({ stored }: CheckResult): readonly string[] {
  return stored
    .filter(({ failed }) => failed > 0)
    .flatMap(({ type, schemaVersion, failed, examples }) => [
      `\n'${type}' of schema version ${schemaVersion}: ${failed} failed${failed > examples.length ? `, of which ${examples.length} are shown` : ''}`,
      ...examples.map(
        ({ position, streamId, version, message }) =>
          `  position ${position} (version ${version} of '${streamId}'): ${message}`,
      ),
    ])
}

function unlistedLine({ unlisted }: CheckResult): readonly string[] {
  return unlisted === 0
    ? []
    : [`\n${unlisted} more events are of kinds that the catalogue lacks, which the table does not list.`]
}

function unusedLine({ unused }: CheckResult): readonly string[] {
  if (unused.length === 0) return []
  const names = unused.map(({ type, schemaVersion }) =>
    schemaVersion === undefined ? `'${type}'` : `'${type}' from version ${schemaVersion}`,
  )
  return [`\nUpcasts that no stored event needs any more: ${names.join(', ')}.`]
}

function verdict({ ok, events, failed, after, position, isSample }: CheckResult): string {
  const range = after === 0 ? `up to position ${position}` : `after position ${after} up to ${position}`
  if (!ok) return `\n${failed} of ${events} events, ${range}, cannot be read or do not fit their schema.`
  if (isSample)
    return `\nThe catalogue reads all ${events} events of a sample, ${range}. Only the whole check proves that it reads the others.`
  return `\nThe catalogue reads all ${events} events, ${range}.`
}
