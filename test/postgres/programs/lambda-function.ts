/** A process as Lambda starts it, with the functions of the example: it calls one for each message, and answers with the result. */
export type Invocation =
  | {
      readonly name: 'place'
      readonly request: { readonly orderId: string; readonly item: string; readonly requestId: string }
    }
  /** `time`: of the call, in milliseconds. */
  | { readonly name: 'mails'; readonly time: number }

export type Answer = { readonly result: unknown } | { readonly error: string }

process.env.DATABASE_URL = process.argv[2]
const functions = await import('../../../examples/serverless/lambda-postgres.ts')

async function call(invocation: Invocation): Promise<unknown> {
  if (invocation.name === 'place') return functions.place(invocation.request)
  const end = performance.now() + invocation.time
  return functions.mails({}, { getRemainingTimeInMillis: () => Math.floor(end - performance.now()) })
}

process.on('message', async (invocation: Invocation) => {
  const answer: Answer = await call(invocation).then(
    (result) => ({ result }),
    (error) => ({ error: `${error} ${JSON.stringify(error)} ${error.cause}` }),
  )
  process.send?.(answer)
})
