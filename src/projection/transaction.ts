/** The transaction that a user's handler writes with: its writes commit together with the events or the checkpoint. */

/**
 * A collection of documents that a handler writes itself. Other code reads it with `store.view(collection)`.
 * @throws InvalidInputError from every method, if a key or a state breaks the input rules, or if a projection has the
 * collection's name
 * @throws TransactionOverError from every method, once the transaction has ended
 */
export interface Documents<State> {
  /**
   * Returns the document's state; `undefined` if there is no such document. Locks the key: no other transaction changes
   * the document until this one ends.
   */
  get(key: string): Promise<State | undefined>
  /** Writes the document's state, a JSON value. It replaces the former state. */
  put(key: string, state: State): Promise<void>
  /** Deletes the document. A document that does not exist is no error. */
  delete(key: string): Promise<void>
}

/**
 * A transaction of the store. It is passed to handlers of a subscription with `transactional: true`, and to raw
 * projections. Stores add to it: on Postgres it can run SQL, on DynamoDB it can write items.
 */
export interface HandlerTransaction {
  /** Returns a collection of documents. Its name must not be the name of a projection. */
  documents<State>(collection: string): Documents<State>
}
