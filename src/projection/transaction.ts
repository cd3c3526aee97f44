/** What a user's code is given to write with, so that its writes commit with the events or with the checkpoint. */

/** A collection of documents, by key; see `view` for reading it elsewhere. */
export interface Documents<State> {
  /** The document's state, which nobody else changes until the transaction ends; undefined if there is none. */
  get(key: string): Promise<State | undefined>
  put(key: string, state: State): Promise<void>
  delete(key: string): Promise<void>
}

/** A transaction of the store. Stores with a query language add to it, as Postgres does with `query`. */
export interface HandlerTransaction {
  /** Documents that are written by hand, in a collection whose name no projection has. */
  documents<State>(collection: string): Documents<State>
}
