import { ProblemFilter } from '@eventsourced/nestjs'
import { NestFactory } from '@nestjs/core'
import { AppModule } from './app.module.js'

const app = await NestFactory.create(AppModule)
app.useGlobalFilters(new ProblemFilter(app.getHttpAdapter()))
app.enableShutdownHooks() // without it, SIGTERM ends the process before its subscriptions have stopped
await app.listen(process.env.PORT ?? 3000)
