/** What a job does: rebuilds or verifies a projection. */
import type { VerifyResult } from '@eventsourced/core'
import { audited } from '../../audited.ts'
import type { AnyDocumentProjection } from '../../target/known.ts'
import type { ConsoleContext } from '../options.ts'
import { Refusal } from '../refusal.ts'
import { NotFound } from '../routes/not-found.ts'
import type { Job } from '../shapes/projection.ts'
import { cut } from '../values/cut.ts'
import { redacted } from '../values/redaction.ts'
import type { JobWork } from './jobs.ts'

const mostDifferences = 20

/** Rebuilds, and records it for the actor, also after the request has ended. */
export function rebuildWork(
  { store, timeout: recordTime }: ConsoleContext,
  actor: string,
  projection: AnyDocumentProjection,
): JobWork {
  return async (onProgress, signal) => {
    await audited(
      store,
      { actor, action: 'projections.rebuild', target: projection.name },
      () => store.rebuild(projection, { onProgress, signal }),
      { results: ({ events, version, position }) => ({ events, version, position }), signal, recordTime },
    )
    return {}
  }
}

/** As `rebuildWork`, for a verification. */
export function verifyWork(
  context: ConsoleContext,
  actor: string,
  projection: AnyDocumentProjection,
): JobWork {
  const { store, timeout: recordTime } = context
  return async (onProgress, signal) => {
    const { differences } = await audited(
      store,
      { actor, action: 'projections.verify', target: projection.name },
      () => store.verify(projection, { limit: mostDifferences, onProgress, signal }),
      { results: ({ ok, documents, events }) => ({ ok, documents, events }), signal, recordTime },
    )
    return { differences: shownDifferences(context, projection.name, differences) }
  }
}

/** Rebuilding needs the functions of a projection, which only the program has. @throws NotFound, Refusal */
export function knownProjection({ projections }: ConsoleContext, name: string): AnyDocumentProjection {
  const found = projections.find((projection) => projection.name === name)
  if (found === undefined) {
    throw new NotFound(
      'The console does not know the functions of this projection: name it in a configuration file that exports `projections`, or in the option `projections`.',
    )
  }
  if (found.kind === 'documents') return found
  throw new Refusal(409, 'raw-projection', 'Raw projection', 'A raw projection has no documents to build.')
}

function shownDifferences(
  context: ConsoleContext,
  source: string,
  differences: VerifyResult['differences'],
): NonNullable<Job['differences']> {
  return differences.map(({ key, expected, actual }) => {
    const shown = (state: unknown) =>
      cut(redacted(context, state, { kind: 'document', source, name: key })).value
    return {
      key,
      ...(expected !== undefined && { expected: shown(expected) }),
      ...(actual !== undefined && { actual: shown(actual) }),
    }
  })
}
