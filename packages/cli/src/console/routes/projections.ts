/** `GET /api/projections`, `GET /api/documents`, `GET /api/document`: projections and their documents. */
import { createRoute, z } from '@hono/zod-openapi'
import type { ConsoleContext } from '../options.ts'
import {
  type DocumentPage,
  type DocumentShape,
  documentPageShape,
  documentShape,
  type ProjectionShape,
  projectionsShape,
} from '../shapes/projection.ts'
import { cut } from '../values/cut.ts'
import { redacted } from '../values/redaction.ts'
import { NotFound } from './not-found.ts'
import { noParameters, pageSize, required, text } from './query.ts'
import { answers, limitOf, newRoutes, type Routes } from './route.ts'

const listProjections = createRoute({
  method: 'get',
  path: '/projections',
  summary: 'Lists all projections by name. It counts no documents.',
  request: { query: noParameters },
  responses: answers('The projections.', projectionsShape),
})

const projection = required('the projection, or a collection that handlers write')

const listDocuments = createRoute({
  method: 'get',
  path: '/documents',
  summary: 'Lists the documents of a projection by key. A projection that has none has an empty page.',
  request: {
    query: z.strictObject({
      projection,
      prefix: text('only keys that begin with this text'),
      after: text('only keys after this one: the `next` of the page before'),
      limit: pageSize,
    }),
  },
  responses: answers('A page of documents.', documentPageShape),
})

const showDocument = createRoute({
  method: 'get',
  path: '/document',
  summary: 'Shows one document with its whole state.',
  request: { query: z.strictObject({ projection, key: required('the key of the document') }) },
  responses: answers('The document.', documentShape),
})

interface FoundDocument {
  readonly key: string
  readonly state: unknown
  readonly revision: number
  readonly position: number
}

export function projectionRoutes(context: ConsoleContext): Routes {
  const { store } = context

  function shown(source: string, { key, state, revision, position }: FoundDocument): DocumentShape {
    const allowed = redacted(context, state, { kind: 'document', source, name: key })
    return { key, state: allowed, revision, position, isCut: false }
  }

  function listed(source: string, document: FoundDocument): DocumentShape {
    const whole = shown(source, document)
    const { value, isCut } = cut(whole.state as Parameters<typeof cut>[0])
    return { ...whole, state: value, isCut }
  }

  return newRoutes()
    .openapi(listProjections, async (c) => {
      const signal = limitOf(context, c.req.raw)
      const lags = new Map<string, { readonly lag: number; readonly lagTime: number }>()
      for await (const { name, lag, lagTime } of store.subscriptions.list({ signal })) {
        lags.set(name, { lag, lagTime })
      }
      const known = new Set(context.projections.map(({ name }) => name))
      const projections: ProjectionShape[] = []
      for await (const one of store.listProjections({ counts: false, signal })) {
        const { name, version, mode, building, isBuildNeeded } = one
        projections.push({
          ...{ name, version, mode, isBuildNeeded },
          ...(building !== undefined && { building }),
          isKnown: known.has(name),
          ...(mode === 'async' && lags.get(name)),
        })
      }
      return c.json({ projections }, 200)
    })
    .openapi(listDocuments, async (c) => {
      const { projection, limit, ...query } = c.req.valid('query')
      const signal = limitOf(context, c.req.raw)
      const documents: DocumentPage['documents'] = []
      // One more than the page has: if it comes, there is a next page.
      const found = store.view(projection).list({ ...query, limit: limit + 1, signal })
      for await (const document of found) {
        if (documents.length === limit) {
          return c.json({ projection, documents, next: documents.at(-1)?.key }, 200)
        }
        documents.push(listed(projection, document))
      }
      return c.json({ projection, documents }, 200)
    })
    .openapi(showDocument, async (c) => {
      const { projection, key } = c.req.valid('query')
      const signal = limitOf(context, c.req.raw)
      const found = await store.view(projection).get(key, { signal })
      if (found === undefined) throw new NotFound(`'${projection}' has no document with the key '${key}'`)
      return c.json(shown(projection, found), 200)
    })
}
