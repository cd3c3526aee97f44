/** Checks that projections have counted each event once, and in order. */
import type { Digests } from './decisions.ts'
import type { LoggedEvent, ProjectedStreams } from './evidence.ts'
import type { Findings } from './findings.ts'

export function checkDocuments(
  who: string,
  { streamPrefix, documents }: ProjectedStreams,
  streams: ReadonlyMap<string, readonly LoggedEvent[]>,
  digests: Digests,
  findings: Findings,
): void {
  for (const [stream, events] of streams) {
    if (!stream.startsWith(streamPrefix)) continue
    const document = documents.get(stream)
    const [version, doubled, skipped] = [
      document?.version ?? 0,
      document?.doubled ?? 0,
      document?.skipped ?? 0,
    ]
    findings.note('duplicated', `${who} counted events of ${stream} again`, doubled)
    findings.note('skipped', `${who} left out events of ${stream}`, skipped)
    findings.note(
      'skipped',
      `${who} ends at version ${version} of ${stream}, not ${events.length}`,
      Math.max(0, events.length - version),
    )
    // The inline projection of the former release does not see the second parts.
    const noted = who.startsWith('inline') ? undefined : document?.noted
    const splits = events.filter(({ isSplit }) => isSplit).length
    if (noted !== undefined && noted > splits)
      findings.note('duplicated', `${who} counted second parts of ${stream} again`, noted - splits)
    if (noted !== undefined && noted < splits)
      findings.note('skipped', `${who} left out second parts of ${stream}`, splits - noted)
    if (version > events.length)
      findings.note('phantom', `${who} has version ${version} of ${stream}, which ends at ${events.length}`)
    else if (
      version === events.length &&
      doubled + skipped === 0 &&
      document?.digest !== digests.get(stream)?.[version]
    ) {
      findings.note('out-of-order', `${who} folded other events into ${stream}`)
    }
  }
  for (const stream of documents.keys()) {
    if (!streams.has(stream))
      findings.note('phantom', `${who} has a document of ${stream}, which does not exist`)
  }
}
