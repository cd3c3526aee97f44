/**
 * How each error of the library answers a request. A kind says only what the client may know: no ids of streams, no names
 * of hosts, no text of the database. The client gets nothing about an error whose kind is a fault of the server.
 */
import { type ErrorCode, type EventIssue, type KnownError, pathText } from '../errors/index.ts'

type ErrorOf<Code extends ErrorCode> = Extract<KnownError, { readonly code: Code }>

/** How one error answers a request. */
export interface ProblemKind<E> {
  readonly status: number
  readonly title: string
  /** What happened, and what the client can do. */
  readonly detail: (error: E) => string
  /** The facts that become members of the problem. */
  readonly facts?: (error: E) => Readonly<Record<string, unknown>>
  /** After how many seconds the client may repeat the request. Undefined: a repeat does not help. */
  readonly retryAfter?: number
}

/** Marks an error that only the operators of the server can repair. */
export const fault: unique symbol = Symbol('fault')

type KindOf<Code extends ErrorCode> = ProblemKind<ErrorOf<Code>> | typeof fault

/** The largest number of issues that an answer names. */
const mostIssues = 50

const refused = (status: number, title: string, detail: string) => ({ status, title, detail: () => detail })
const unavailable = (title: string, detail: string, retryAfter = 1) => ({
  ...refused(503, title, detail),
  retryAfter,
})

function shownIssues(issues: readonly EventIssue[]) {
  return issues.slice(0, mostIssues).map(({ path, message }) => ({ path: pathText(path), message }))
}

const otherProcess = unavailable(
  'Newer release needed',
  'This server is of an older release than the stored data. Repeat the request: another server may answer it.',
  5,
)

/** The kind of each error; a function chooses it by the facts of the error. */
export const problemKinds: {
  readonly [Code in ErrorCode]: KindOf<Code> | ((error: ErrorOf<Code>) => KindOf<Code>)
} = {
  'invalid-input': {
    status: 400,
    title: 'Invalid input',
    // The received value is left out: the client knows it, and it may come from somewhere else.
    detail: ({ message, received }) =>
      message.endsWith(`; received ${received}`)
        ? message.slice(0, -`; received ${received}`.length)
        : message,
    facts: ({ field }) => ({ field }),
  },
  'wrong-expected-version': {
    status: 409,
    title: 'Wrong version',
    detail: ({ actual }) =>
      `The resource is at version ${actual}, and the request expects another one. Read it again, and decide again.`,
    facts: ({ expected, actual }) => ({ expected, actual }),
  },
  'command-overtaken': unavailable(
    'Too many changes at once',
    'Other changes of the resource came first each time. Nothing was changed: repeat the request.',
  ),
  'stream-already-exists': {
    ...refused(409, 'Already exists', 'The resource already exists.'),
    facts: ({ version }) => ({ version }),
  },
  'duplicate-event-id': {
    ...refused(
      409,
      'Duplicate event id',
      'An event with this id is already recorded, by another request. Nothing was changed.',
    ),
    facts: ({ eventId }) => ({ eventId }),
  },
  'append-too-large': {
    status: 413,
    title: 'Too large',
    detail: ({ limit, most, found }) =>
      `The database takes at most ${most} ${limit} at once, and this request needs ${found}. Nothing was changed: split it.`,
    facts: ({ limit, most, found }) => ({ limit, most, found }),
  },
  'invalid-event': {
    ...refused(
      422,
      'Invalid event',
      'The events of the request do not fit their schemas. Nothing was changed.',
    ),
    facts: ({ issues }) => ({ issues: shownIssues(issues) }),
  },
  'invalid-body': {
    ...refused(422, 'Invalid body', 'The body of the request does not fit its schema.'),
    facts: ({ issues }) => ({ issues: shownIssues(issues) }),
  },
  'body-too-large': {
    status: 413,
    title: 'Body too large',
    detail: ({ most }) => `The body of the request must not have more than ${most} bytes.`,
    facts: ({ most }) => ({ most }),
  },
  'import-out-of-order': refused(
    409,
    'Out of order',
    'An imported event is older than the last event of its stream. Sort the source.',
  ),
  'write-condition-failed': refused(
    409,
    'Condition failed',
    'The stored data does not meet a condition of this change. Nothing was changed: read again, and decide again.',
  ),
  'precondition-required': refused(
    428,
    'Precondition required',
    'Read the resource, and send its ETag in the header If-Match; or send `If-None-Match: *` to create it.',
  ),

  'store-unavailable': unavailable(
    'Database unavailable',
    'The database does not answer, and the change may have been made. Repeat the request with the same Idempotency-Key.',
  ),
  'store-closed': unavailable('Shutting down', 'This server is shutting down. Repeat the request.'),
  'lock-timeout': unavailable(
    'Locked',
    'Another change holds a lock for too long. Nothing was changed: repeat the request.',
  ),
  'read-only-replica': unavailable(
    'Read-only',
    'The database takes no changes until a failover has ended. Nothing was changed: repeat the request.',
    5,
  ),
  'subscription-behind': {
    ...unavailable(
      'Not up to date',
      'The view does not contain the position of the request yet. Repeat the request.',
    ),
    facts: ({ position, checkpoint }) => ({ position, checkpoint }),
  },
  'log-not-settled': unavailable('Not settled', 'A change is under way for too long. Repeat the request.', 5),
  'lease-lost': unavailable('Lease lost', 'Another process has taken over this work. Repeat the request.'),
  'missing-inline-projection': otherProcess,
  'projection-version': ({ registered, version }) => (registered > version ? otherProcess : fault),
  'unreadable-event': ({ needsNewerProcess }) => (needsNewerProcess ? otherProcess : fault),

  'log-truncated': {
    ...refused(
      409,
      'Unknown position',
      'The log does not reach this position. Read again from the beginning.',
    ),
    facts: ({ after }) => ({ after }),
  },
  'rebuild-running': {
    ...refused(
      409,
      'Rebuild running',
      'Another process rebuilds or verifies the projection. Wait for its end.',
    ),
    facts: ({ projection }) => ({ projection }),
  },
  'not-parked': {
    ...refused(404, 'Not parked', 'The subscription has no parked event at this position.'),
    facts: ({ position }) => ({ position }),
  },
  'unknown-subscription': {
    ...refused(404, 'Unknown subscription', 'No subscription has this name.'),
    facts: ({ subscription, successor }) => ({ subscription, successor }),
  },

  'undefined-state': fault,
  'fold-in-place': fault,
  'transaction-over': fault,
  'transaction-idle': fault,
  'nested-call': fault,
  'storage-failed': fault,
  'connection-not-open': fault,
  'schema-mismatch': fault,
  'unsupported-database': fault,
  'not-in-transaction': fault,
  'unsupported-isolation': fault,
  'missing-privileges': fault,
  'sequence-behind': fault,
  'folder-in-use': fault,
  'missing-driver': fault,
  'damaged-log': fault,
  'handler-timeout': fault,
  'subscription-failed': fault,
  'wake-up-failed': fault,
  'subscription-mismatch': fault,
  'body-already-read': fault,
}
