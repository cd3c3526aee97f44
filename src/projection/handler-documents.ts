/** `tx.documents(collection)`: documents that a user's handler writes itself, inside a transaction. */
import { InvalidInputError } from '../errors/index.ts'
import { checkName } from '../input/checks.ts'
import { stateJson } from '../input/json.ts'
import { beginning } from '../input/refusal.ts'
import type { StorageTransaction } from '../storage/projections.ts'
import type { Documents, HandlerTransaction } from './transaction.ts'

/** The generation of all documents that handlers write. Documents of projections have generations from 1 on. */
export const collectionGeneration = 0

type DocumentWrites = Pick<StorageTransaction, 'lockDocuments' | 'writeDocuments'>

/** Makes the part of a user's transaction that every store has. */
export function handlerDocuments(transaction: DocumentWrites): HandlerTransaction {
  return {
    documents<State>(collection: string): Documents<State> {
      checkName(collection, 'collection')
      const at = (key: string) => {
        checkName(key, 'key')
        return { projection: collection, generation: collectionGeneration, key }
      }
      const lock = async (key: string) => {
        const documents = await transaction.lockDocuments([at(key)])
        if (documents === 'stale') {
          throw new InvalidInputError(
            'collection',
            'must not have the name of a projection',
            beginning(collection),
          )
        }
        return documents[0]
      }
      const write = async (key: string, state: string | null) => {
        await lock(key)
        await transaction.writeDocuments([{ ...at(key), state, position: 0 }])
      }
      return {
        async get(key) {
          const document = await lock(key)
          return document && JSON.parse(document.state)
        },
        put: async (key, state) => write(key, stateJson(state, `the document '${key}' of '${collection}'`)),
        delete: (key) => write(key, null),
      }
    },
  }
}
