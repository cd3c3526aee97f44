/** Errors of projections. */
import { EventSourcedError } from './base.ts'

type Mode = 'inline' | 'async'

/**
 * The stored documents of a projection have another version or mode than this process expects, or are not complete.
 * Nothing was written.
 */
export class ProjectionVersionError extends EventSourcedError {
  readonly code = 'projection-version'
  readonly projection: string
  /** The version that this process has. */
  readonly version: number
  /** The version of the documents that readers get; 0 if none are complete. */
  readonly registered: number
  constructor(projection: string, version: number, registered: number, mode: Mode, registeredMode: Mode) {
    super(problemOf(projection, version, registered, mode, registeredMode))
    this.projection = projection
    this.version = version
    this.registered = registered
  }
}

function problemOf(name: string, version: number, registered: number, mode: Mode, registeredMode: Mode) {
  if (registered > version) {
    return `Projection '${name}' is at version ${registered}, and this process has version ${version}: update this process`
  }
  const remedy = 'call `await store.rebuild(projection)` first'
  if (registered === 0) {
    // A process that does not name the projection in `inline` would build it async without the mode.
    const build =
      mode === 'inline' ? "call `await store.rebuild(projection, { mode: 'inline' })` first" : remedy
    return `Projection '${name}' was never built, or was dropped, and the log has events already: ${build}`
  }
  if (registered < version) {
    return `Projection '${name}' has documents of version ${registered}, and this process has version ${version}: ${remedy}`
  }
  return `Projection '${name}' is ${registeredMode}, and this process runs it ${mode}: run it ${registeredMode} here too, or call \`await store.rebuild(projection, { mode: '${mode}' })\` first`
}

/**
 * Projections of the database are inline, and this store was opened without them: their documents would lack the events
 * of the append. Nothing was written, except for the earlier batches of an import.
 */
export class MissingInlineProjectionError extends EventSourcedError {
  readonly code = 'missing-inline-projection'
  /** The names of the missing projections, in order. */
  readonly projections: readonly string[]
  constructor(projections: readonly string[]) {
    const list = projections.map((name) => `'${name}'`).join(' and ')
    const isOne = projections.length === 1
    super(
      `${isOne ? `Projection ${list} is` : `Projections ${list} are`} inline, and this store was opened without ${isOne ? 'it' : 'them'}: the documents would lack the events of this append. Name ${isOne ? 'it' : 'them'} in the option \`inline\` of the store; or, if no process needs the documents, call \`await store.dropProjection(name)\``,
    )
    this.projections = projections
  }
}

/** Another process is rebuilding or verifying the projection. */
export class RebuildRunningError extends EventSourcedError {
  readonly code = 'rebuild-running'
  readonly projection: string
  constructor(projection: string) {
    super(
      `Projection '${projection}' is being rebuilt or verified by another process: wait until it has ended`,
    )
    this.projection = projection
  }
}
