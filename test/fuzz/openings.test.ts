/** Opens stores on a database, and prints their templates, with wrong arguments: the error names the argument, and nothing connects to a server. */
import assert from 'node:assert/strict'
import { EventSourcedError, hasCode, memoryStore } from '@eventsourced/core'
import * as dynamodb from '@eventsourced/core/dynamodb'
import * as lambda from '@eventsourced/core/dynamodb/lambda'
import * as templates from '@eventsourced/core/dynamodb/templates'
import * as otel from '@eventsourced/core/otel'
import * as postgres from '@eventsourced/core/postgres'
import * as openTelemetry from '@opentelemetry/api'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { boxed } from './json.ts'
import { callKinds } from './kinds.ts'
import { outcomeOf, trialOf } from './outcome.ts'
import type { Calls, PublicCall } from './public-call.ts'
import { assertTells } from './refusal-facts.ts'
import { runs } from './runs.ts'
import { anyText, isName, isReadName, isText } from './texts.ts'

const { leaf, optional, list, record, name, oneOf, number, milliseconds, boolean, callback, anyProjection } =
  callKinds({ hostile: 12 }, anyText.filter(isName))

const shared = {
  maxPayloadBytes: number(1, [1, 2 ** 53 - 1]),
  maxAppendBytes: number(1, [1, 2 ** 53 - 1]),
  inline: optional(list(anyProjection, { most: 1 })),
  worker: optional(name),
  autoCreate: optional(boolean),
  retries: number(0, [0, 9]),
  maxBatch: number(1, [1, 500]),
  observe: optional(
    record({ measure: optional(callback), around: optional(callback), inject: optional(callback) }),
  ),
  onMetric: optional(callback),
}
const isSchema = (value: unknown) =>
  isReadName(value) &&
  Buffer.byteLength(value) <= 63 &&
  !/^(information_schema$|pg_)|["'\\$\p{Cc}]/u.test(value)
const schemas = fc.constantFrom('eventsourced', '_', 'a'.repeat(63), 'order', 'A', 'a-b', '1a', 'a;', 'ä')
const badSchemas = fc.constantFrom(
  'a'.repeat(64),
  'ä'.repeat(32),
  'pg_a',
  'information_schema',
  'a"',
  "a'",
  'a$',
  'a\n',
)
const table = leaf(
  fc.constantFrom('a', 'A.b-c_1', 'a'.repeat(240)),
  (value) => typeof value === 'string' && /^[a-zA-Z0-9_.-]{1,240}$/.test(value),
)
const text = leaf(
  fc.constantFrom('eu-west-1', 'http://localhost:1'),
  (value) => typeof value === 'string' && isText(value),
)
const urls = fc.constantFrom(
  'postgres://nobody@localhost:1/none',
  'postgresql://localhost:1',
  'pglite:./nowhere',
)
const isConnection = (value: unknown) =>
  typeof value === 'string' && /^(postgres(ql)?:\/\/|pglite:.)/.test(value)

const isRole = (value: unknown) =>
  isReadName(value) && Buffer.byteLength(value) <= 63 && !/^(public|none|pg_.*)$/s.test(value)
const notRoles = fc.constantFrom('public', 'none', 'pg_read_all_data', 'x'.repeat(64), 'é'.repeat(32))

const isRegion = (value: unknown) => typeof value === 'string' && /^[a-z]+(-[a-z]+)+-\d+$/.test(value)
const key = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const kmsKey = leaf(fc.constant(key), (value) => value === key)
const throughput = (leastReads: number, leastWrites: number) => {
  const units = record({
    readUnits: number(leastReads, [leastReads, 2 ** 40]),
    writeUnits: number(leastWrites, [leastWrites, 2 ** 40]),
  })
  return optional(record({ events: optional(units), log: optional(units) }))
}
const isDays = (value: unknown) =>
  value === false || (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 35)
// A wrong property has a name of its own, `stream.function`, so the wrong values here are no objects.
const stream = leaf(
  fc.constantFrom<unknown>(true, false, { function: 'f' }, { function: 'a-b_1', batchWindow: 300 }),
  (value) => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
  boxed(fc.constantFrom<unknown>(null, 1, 'yes', [], () => {})),
)
const templateOptions = optional(
  record(
    {
      table: optional(table),
      stream: optional(stream),
      kmsKey: optional(kmsKey),
      tags: optional(
        leaf(
          fc.constantFrom({}, { team: 'shop', 'cost centre': '' }),
          (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
        ),
      ),
      warmThroughput: throughput(12_000, 4_000),
      maxThroughput: throughput(1, 1),
      deletionProtection: optional(boolean),
      pointInTimeRecovery: optional(leaf(fc.constantFrom(false, 1, 35), isDays)),
      replicas: optional(
        leaf(fc.constantFrom([], [{ region: 'eu-central-1' }]), (value) => (value as []).length === 0),
      ),
    },
    { nested: false },
  ),
)
const keysOfReplicas: PublicCall['together'] = ([options]) => {
  const { kmsKey: ofTables, replicas = [] } = (options ?? {}) as templates.TemplateOptions
  return ofTables !== undefined && replicas.length > 0 ? [{ field: 'replicas', value: replicas }] : []
}

const anyStore = dynamodb.dynamodbStore()

const tableCheck = optional(record({ onProgress: optional(callback) }, { nested: false }))

const endpoints = fc.constantFrom('http://localhost:8000', 'https://dynamodb.eu-west-1.amazonaws.com')
const isEndpoint = (value: unknown) =>
  typeof value === 'string' && /^https?:/.test(value) && isText(value) && URL.canParse(value)

/** Calls a store without tables: a call with right options fails only when it reaches for them. */
async function checked(call: (schema: dynamodb.DynamodbStore['schema']) => Promise<unknown>): Promise<void> {
  const credentials = { accessKeyId: 'none', secretAccessKey: 'none' }
  const address = { endpoint: 'http://localhost:1', region: 'eu-west-1', credentials }
  const store = dynamodb.dynamodbStore({ ...address, retries: 0, autoCreate: false })
  try {
    await call(store.schema)
  } catch (error) {
    if (!hasCode(error, 'store-unavailable')) throw error
  } finally {
    await store.close()
  }
}

const calls: Calls = {
  postgresStore: {
    places: [
      ['connection', leaf(urls, isConnection)],
      [
        'options',
        optional(
          record(
            {
              ...shared,
              schema: optional(leaf(schemas, isSchema, boxed(badSchemas))),
              protectEvents: optional(boolean),
              prepare: optional(boolean),
              notify: optional(boolean),
              timeout: milliseconds(1, [1, 30_000]),
              onWarning: optional(callback),
              maxConnections: number(1, [1, 10]),
            },
            { nested: false },
          ),
        ),
      ],
    ],
    call: (_store, given) => Object.keys(postgres.postgresStore(...(given as [never]))),
  },
  'postgresStore, in a transaction': {
    places: [
      ['transaction', leaf(fc.constant({ run() {}, query() {} }), (value) => typeof value === 'function')],
    ],
    call: (_store, given) => {
      const store = postgres.postgresStore('postgres://nobody@localhost:1/none')
      return Object.keys(store.inTransaction(...(given as [never])))
    },
  },
  'postgresStore, granting': {
    places: [['role', leaf(anyText.filter(isRole), isRole, boxed(fc.oneof(anyText, notRoles)))]],
    call: (_store, given) => {
      const { schema } = postgres.postgresStore('postgres://nobody@localhost:1/none')
      return schema.grantSql(...(given as [never]))
    },
  },
  cloudFormation: {
    places: [['options', templateOptions]],
    together: keysOfReplicas,
    call: (_store, given) => templates.cloudFormation(...(given as [])),
  },
  terraform: {
    places: [['options', templateOptions]],
    together: keysOfReplicas,
    call: (_store, given) => templates.terraform(...(given as [])),
  },
  iamPolicy: {
    places: [
      [
        'options',
        optional(
          record(
            {
              for: optional(oneOf('application', 'reader', 'deployer', 'repair')),
              table: optional(table),
              region: optional(leaf(fc.constantFrom('eu-west-1', 'ap-southeast-2'), isRegion)),
              account: optional(
                leaf(fc.constant('123456789012'), (value) => /^\d{12}$/.test(value as string)),
              ),
              partition: optional(leaf(fc.constant('aws'), (value) => value === 'aws')),
              stream: optional(boolean),
              kmsKey: optional(kmsKey),
            },
            { nested: false },
          ),
        ),
      ],
    ],
    together: ([options]) => {
      const { stream, for: holder = 'application' } = (options ?? {}) as templates.IamPolicyOptions
      return stream === true && holder !== 'application' ? [{ field: 'stream', value: true }] : []
    },
    call: (_store, given) => templates.iamPolicy(...(given as [])),
  },
  lambdaHandler: {
    places: [
      ['store', leaf(fc.constant(anyStore), (value) => value === anyStore)],
      [
        'subscriptions',
        leaf(
          fc.constantFrom([{ name: 'a', handle() {} }]),
          (value) => Array.isArray(value) && value.length > 0,
          boxed(fc.constantFrom<unknown>(null, 1, 'a', [], {}, () => {})),
        ),
      ],
      ['options', optional(record({ reserve: milliseconds(1, [1, 2_000]) }, { nested: false }))],
    ],
    call: (_store, given) => typeof lambda.lambdaHandler(...(given as [never, never])),
  },
  otel: {
    places: [
      ['api', leaf(fc.constant(openTelemetry), (value) => value === openTelemetry)],
      [
        'options',
        optional(
          record(
            {
              metrics: optional(boolean),
              processParent: optional(oneOf('none', 'event')),
              isError: optional(callback),
            },
            { nested: false },
          ),
        ),
      ],
    ],
    call: (_store, given) => Object.keys(otel.otel(...(given as [never]))),
  },
  'dynamodbStore, verifying': {
    places: [['options', tableCheck]],
    call: (_store, given) => checked((schema) => schema.verify(...(given as []))),
  },
  'dynamodbStore, repairing': {
    places: [['options', tableCheck]],
    call: (_store, given) => checked((schema) => schema.repair(...(given as []))),
  },
  dynamodbStore: {
    places: [
      [
        'options',
        optional(
          record(
            {
              ...shared,
              table: optional(table),
              gapTimeout: milliseconds(1, [1, 2_000]),
              requestTimeout: milliseconds(1, [1, 5_000]),
              compress: optional(boolean),
              reportCapacity: optional(boolean),
              endpoint: optional(
                leaf(endpoints, isEndpoint, boxed(fc.constantFrom('', 'localhost:8000', 'ftp://x'))),
              ),
              region: optional(text),
            },
            { nested: false },
          ),
        ),
      ],
    ],
    together: ([options]) => {
      const { reportCapacity, onMetric, observe } = (options ?? {}) as dynamodb.DynamodbStoreOptions
      return reportCapacity === true && onMetric === undefined && observe?.measure === undefined
        ? [{ field: 'reportCapacity', value: true }]
        : []
    },
    call: (_store, given) => Object.keys(dynamodb.dynamodbStore(...(given as [never]))),
  },
}

it('the table names every way to open a store on a database, every template, and every observer', () => {
  const isFunction = ([, value]: [string, unknown]) =>
    typeof value === 'function' &&
    !(value.prototype instanceof Error) &&
    !(value.prototype instanceof EventSourcedError)
  const functions = Object.entries({ ...postgres, ...dynamodb, ...lambda, ...templates, ...otel }).filter(
    isFunction,
  )
  // Bridges such as `fromKysely` take objects of other libraries.
  const wanted = functions.map(([name]) => name).filter((name) => !/^from[A-Z]/.test(name))
  const named = new Set(Object.keys(calls).map((name) => name.split(', ')[0]))
  expect([...named].sort()).toEqual(wanted.sort())
})

for (const name of Object.keys(calls)) {
  it(`${name} refuses wrong arguments, and accepts right ones`, async () => {
    const store = memoryStore()
    await fc.assert(
      fc.asyncProperty(trialOf(calls, name), async (trial) => {
        const outcome = await outcomeOf(calls, trial, store)
        assert.equal(outcome.kind, trial.faults.length > 0 ? 'refused' : 'done')
        if (outcome.kind !== 'refused') return
        assert.ok(hasCode(outcome.error, 'invalid-input'))
        // A URL may contain a password, so the error does not show the value of a wrong connection in full.
        const faults = trial.faults.map(({ field, value }) => ({
          field,
          value: field === 'connection' ? undefined : value,
        }))
        assertTells(outcome.error, faults)
      }),
      runs(400, 10),
    )
  })
}
