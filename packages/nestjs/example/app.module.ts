import type { HandlerContext, RecordedEvent } from '@eventsourced/core'
import { decider, projection } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import type { CommandHandlerOf, ViewOf } from '@eventsourced/nestjs'
import {
  commandHandlerProvider,
  EventsourcedHealthIndicator,
  EventsourcedModule,
  InjectCommandHandler,
  InjectView,
  Subscribes,
} from '@eventsourced/nestjs'
import {
  Body,
  Controller,
  Get,
  Inject,
  Module,
  NotFoundException,
  Param,
  Post,
  Query,
  ServiceUnavailableException,
} from '@nestjs/common'

type CartEvent = { type: 'Added'; data: { price: number } } | { type: 'CheckedOut'; data: { total: number } }
type CartCommand = { type: 'add'; price: number } | { type: 'checkOut' }

const cart = decider({
  initialState: () => ({ total: 0, open: true }),
  decide(command: CartCommand, { total, open }): CartEvent | undefined {
    if (!open) return undefined
    if (command.type === 'checkOut') return { type: 'CheckedOut', data: { total } }
    return { type: 'Added', data: { price: command.price } }
  },
  evolve(state, { type, data }) {
    return type === 'Added' ? { ...state, total: state.total + data.price } : { ...state, open: false }
  },
})

// A document for each cart, made of its events. It runs beside the appends, in one of the processes.
const totals = projection({
  name: 'cart-totals',
  events: ['Added'],
  key: (event: RecordedEvent<CartEvent>) => event.streamId,
  initialState: () => ({ items: 0, total: 0 }),
  evolve: ({ items, total }, { data }) => ({ items: items + 1, total: total + data.price }),
})

// A handler of events, with a document that it writes in the transaction that moves its checkpoint.
@Subscribes({ name: 'invoices', types: ['CheckedOut'], transactional: true, onError: { action: 'park' } })
class Invoices {
  async handle({ streamId, data }: RecordedEvent<CartEvent>, { tx }: HandlerContext): Promise<void> {
    const invoices = tx.documents<{ writes: number; data: unknown }>('invoices')
    const { writes } = (await invoices.get(streamId)) ?? { writes: 0 }
    await invoices.put(streamId, { writes: writes + 1, data })
  }
}

@Controller('carts')
class CartsController {
  constructor(
    @InjectCommandHandler(cart) private readonly handle: CommandHandlerOf<typeof cart>,
    @InjectView(totals) private readonly view: ViewOf<typeof totals>,
  ) {}

  @Post(':id')
  async command(
    @Param('id') id: string,
    @Query('commandId') commandId: string,
    @Body() command: CartCommand,
  ) {
    const { version, position } = await this.handle(id, command, { commandId })
    return { version, position }
  }

  @Get(':id')
  async total(@Param('id') id: string, @Query('atLeast') position = '0') {
    const document = await this.view.get(`cart-${id}`, { atLeast: Number(position) })
    if (document === undefined) throw new NotFoundException(`There is no cart ${id}`)
    return document.state
  }
}

@Controller('health')
class HealthController {
  constructor(@Inject(EventsourcedHealthIndicator) private readonly health: EventsourcedHealthIndicator) {}

  @Get()
  async check() {
    const health = await this.health.isHealthy('eventsourced', { maxLagTime: 60_000 })
    if (health.eventsourced.status === 'down') throw new ServiceUnavailableException(health)
    return health
  }
}

@Module({
  imports: [
    EventsourcedModule.forRoot({
      open: () => postgresStore(process.env.DATABASE_URL ?? 'postgres://postgres@localhost/postgres'),
    }),
    EventsourcedModule.forFeature({ projections: [totals], subscriptions: [Invoices] }),
  ],
  controllers: [CartsController, HealthController],
  providers: [commandHandlerProvider(cart, { streamId: (id) => `cart-${id}` })],
})
export class AppModule {}
