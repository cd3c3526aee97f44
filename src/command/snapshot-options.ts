/** The options under which a command handler or `foldStream` keeps snapshots, and their checks. */
import type { StandardSchema } from '../catalogue/standard-schema.ts'
import { checkBoolean, checkFunction, checkInteger, checkName } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { Snapshots } from '../snapshot/snapshots.ts'
import type { EventStore } from '../store.ts'

/** How snapshots of the states of long streams are kept. The state must be plain JSON. */
export interface SnapshotOptions<State> {
  /** The name of what is folded, such as that of the decider. Another fold of the same streams needs another name. */
  readonly name: string
  /**
   * The version of the fold. Raise it with each change of `initialState`, `evolve` or the type of the state: snapshots of
   * other versions are ignored and replaced.
   */
  readonly version: number
  /** The number of events after which a new snapshot is written. @default 100 */
  readonly every?: number | undefined
  /** A Standard Schema of the state. A stored state that it refuses is ignored and replaced. @default none */
  readonly schema?: StandardSchema<unknown, State> | undefined
  /**
   * Whether a call waits until its snapshot is written, for functions that are frozen when they have answered.
   * @default false
   */
  readonly wait?: boolean | undefined
}

/** The methods of a store that loading a stream with snapshots needs. */
export type SnapshotSource = Pick<EventStore, 'readStream'> & Partial<Pick<EventStore, 'snapshots'>>

export interface CheckedSnapshotOptions<State> extends SnapshotOptions<State> {
  readonly every: number
  readonly wait: boolean
}

/** Checks the options. @throws InvalidInputError */
export function checkedSnapshotOptions<State>(
  options: SnapshotOptions<State>,
): CheckedSnapshotOptions<State> {
  const names = ['name', 'version', 'every', 'schema', 'wait'] as const
  const {
    name,
    version,
    every = 100,
    schema,
    wait = false,
  } = optionsOf(options, names, 'snapshot', 'snapshot.')
  checkName(name, 'snapshot.name')
  checkInteger(version, 'snapshot.version', 1)
  checkInteger(every, 'snapshot.every', 1)
  checkBoolean(wait, 'snapshot.wait')
  if (schema !== undefined) {
    readSafely('snapshot.schema', schema, () => {
      const { validate } = schema?.['~standard'] ?? {}
      checkFunction(validate, "snapshot.schema['~standard'].validate")
    })
  }
  return { name, version, every, schema, wait }
}

/** Returns the snapshots of a store. @throws InvalidInputError if the store keeps none */
export function snapshotsOf(store: SnapshotSource): Snapshots {
  return readSafely('store', store, () => {
    const { snapshots } = store
    const { read, write } = (snapshots ?? {}) as Partial<Snapshots>
    if (typeof read === 'function' && typeof write === 'function') return snapshots as Snapshots
    return refuse('store', 'must have snapshots, because the option snapshot is given', store)
  })
}
