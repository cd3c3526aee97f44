/**
 * Keeps snapshots as documents of a reserved collection, for a storage that has no better place for them. The key of a
 * document is the id of the stream, and its position is the version of the snapshot.
 */
import { collectionGeneration } from '../projection/handler-documents.ts'
import type { DocumentAddress, ProjectionStorage } from './projections.ts'
import { isOutdated, type SnapshotStorage } from './snapshots.ts'

const deletedAtOnce = 100

// No user can give this name to a projection or a collection: names that begin with `$` are refused.
const collectionOf = (name: string) => `$snapshots:${name}`

/** Makes the snapshots' part of a storage from its documents. */
export function documentSnapshots(
  documents: Pick<ProjectionStorage, 'transaction' | 'readDocument' | 'listDocuments'>,
): SnapshotStorage {
  const addressOf = (name: string, key: string): DocumentAddress => ({
    projection: collectionOf(name),
    generation: collectionGeneration,
    key,
  })

  async function remove(name: string, keys: readonly string[], signal: AbortSignal | undefined) {
    const addresses = keys.map((key) => addressOf(name, key))
    await documents.transaction(
      'Deleting snapshots',
      async (transaction) => {
        await transaction.lockDocuments(addresses)
        await transaction.writeDocuments(
          addresses.map((address) => ({ ...address, state: null, position: 0 })),
        )
      },
      signal,
    )
  }

  return {
    async readSnapshot(name, streamId, signal) {
      const document = await documents.readDocument(collectionOf(name), streamId, signal)
      return document && { version: document.position, json: document.state }
    },

    async writeSnapshot(name, streamId, snapshot, signal) {
      const address = addressOf(name, streamId)
      await documents.transaction(
        'Writing a snapshot',
        async (transaction) => {
          const locked = await transaction.lockDocuments([address])
          const stored = locked === 'stale' ? undefined : locked[0]
          if (isOutdated(snapshot, stored?.position)) return
          const change = { ...address, state: snapshot.json, position: snapshot.version }
          await transaction.writeDocuments([change])
        },
        signal,
      )
    },

    async deleteSnapshots(name, streamId, signal) {
      if (streamId !== undefined) return remove(name, [streamId], signal)
      // One pass in order of the keys: commands may write new snapshots all the while.
      for (let after = ''; ; ) {
        const page = await documents.listDocuments(collectionOf(name), '', after, deletedAtOnce, signal)
        const keys = page.map(({ key }) => key)
        if (keys.length > 0) await remove(name, keys, signal)
        if (keys.length < deletedAtOnce) return
        after = keys.at(-1) as string
      }
    },
  }
}
