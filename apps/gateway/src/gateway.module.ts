import type { Clock } from '@flashmesh/core';
import { InjectClock, InjectEnv, InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { Injectable, Module } from '@nestjs/common';
