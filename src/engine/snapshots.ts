/** `store.snapshots`: checks the input of each call, and passes it to the storage. */
import { checkInteger, checkName, checkReadName, checkText } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { refuse } from '../input/refusal.ts'
import type { Operations } from '../runtime/operations.ts'
import type { Snapshots } from '../snapshot/snapshots.ts'
import type { SnapshotStorage } from '../storage/snapshots.ts'

export function storeSnapshots(storage: SnapshotStorage, operations: Operations): Snapshots {
  return {
    async read(name, streamId, options) {
      checkName(name, 'name')
      checkReadName(streamId, 'streamId')
      const { signal } = optionsOf(options, ['signal'])
      return operations.perform(signal, () => storage.readSnapshot(name, streamId, signal))
    },

    async write(name, streamId, snapshot, options) {
      checkName(name, 'name')
      checkName(streamId, 'streamId')
      const { version, json } = optionsOf(snapshot, ['version', 'json'], 'snapshot', 'snapshot.')
      checkInteger(version, 'snapshot.version', 1)
      checkJsonText(json, 'snapshot.json')
      const { replaces, signal } = optionsOf(options, ['replaces', 'signal'])
      if (replaces !== undefined) checkInteger(replaces, 'replaces', 1)
      const toWrite = { version, json, replaces }
      await operations.perform(signal, () => storage.writeSnapshot(name, streamId, toWrite, signal))
    },

    async delete(name, options) {
      checkName(name, 'name')
      const { streamId, signal } = optionsOf(options, ['streamId', 'signal'])
      if (streamId !== undefined) checkReadName(streamId, 'streamId')
      await operations.perform(signal, () => storage.deleteSnapshots(name, streamId, signal))
    },
  }
}

/** Checks text that every database can store as JSON. @throws InvalidInputError */
function checkJsonText(value: unknown, field: string): asserts value is string {
  checkText(value, field)
  try {
    JSON.parse(value)
  } catch {
    refuse(field, 'must be JSON text', value)
  }
}
