/** What a bridge throws once the ORM says that the transaction has ended. */

/**
 * Has the SQLSTATE with which a server refuses a statement that needs a transaction, so that the store treats both
 * alike. The ORM must not get the statement: its connection may already be in another caller's transaction.
 */
export class TransactionEnded extends Error {
  readonly severity = 'ERROR'
  readonly code = '25P01'
  constructor(cause?: unknown) {
    super('the transaction was committed, rolled back or timed out', { cause })
  }
}
