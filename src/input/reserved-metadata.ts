/** The metadata keys that begin with `$`: they belong to the library. */
import { schemaVersionKey } from '../catalogue/stored-event.ts'
import { refuse } from './refusal.ts'

/** 'new': an event or a stream of the caller. 'stored': an event in the form that a store keeps, which an import may bring. */
export type MetadataForm = 'new' | 'stored'

const why = 'metadata keys that begin with $ are reserved for the library'

/**
 * Checks the keys of metadata, not of the objects within it.
 * @throws InvalidInputError
 */
export function checkMetadataKeys(
  metadata: Readonly<Record<string, unknown>>,
  field: string,
  form: MetadataForm,
): void {
  for (const [key, value] of Object.entries(metadata)) {
    if (!key.startsWith('$')) continue
    const own = `${field}.${key.slice(0, 40)}`
    if (key !== schemaVersionKey) refuse(own, `must not be set: ${why}; use another name`, value)
    if (form === 'new') {
      const problem = `must not be set: ${why}. This one holds the version of the stored data; the store writes it, by its catalogue (defineEvents). Only import accepts it, with events in their stored form`
      refuse(own, problem, value)
    }
    if (!Number.isSafeInteger(value) || (value as number) < 2) {
      const problem = `must be a whole number of at least 2, because it holds the version of the stored data; leave it out for version 1`
      refuse(own, problem, value)
    }
  }
}
