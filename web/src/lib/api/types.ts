/** Messages of the REST API, by the names the UI uses; generated from the server's OpenAPI file. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Camera = Schemas["Camera"];
export type CameraInput = Schemas["CameraInput"];
export type CameraPatch = Schemas["CameraPatch"];
export type CameraList = Schemas["CameraList"];
export type StreamState = Schemas["StreamState"];
export type StatusPeriod = Schemas["StatusPeriod"];
export type StatusHistory = Schemas["StatusHistory"];
export type ProbeRequest = Schemas["ProbeRequest"];
export type ProbeResult = Schemas["ProbeResult"];
export type ProbeStream = Schemas["ProbeStream"];
export type RecordingSettings = Schemas["RecordingSettings"];
export type RecordingNow = Schemas["RecordingNow"];
export type StorageReport = Schemas["StorageReport"];
export type StorageCamera = Schemas["StorageCamera"];
export type StorageLocation = Schemas["StorageLocation"];
export type StorageConfig = Schemas["StorageConfig"];
export type SystemConfig = Schemas["SystemConfig"];
export type Evidence = Schemas["Evidence"];
export type Finding = Schemas["Finding"];
export type FindingList = Schemas["FindingList"];
export type Recording = Schemas["Recording"];
export type RecordingList = Schemas["RecordingList"];
export type Timeline = Schemas["Timeline"];
export type TimelineItem = Timeline["items"][number];
export type ExportRequest = Schemas["ExportRequest"];
export type ExportEstimate = Schemas["ExportEstimate"];
export type Job = Schemas["Job"];
export type JobState = Job["state"];
export type JobFile = Schemas["JobFile"];
export type JobList = Schemas["JobList"];
export type ProtectedRange = Schemas["ProtectedRange"];
export type Gap = Schemas["Gap"];
export type GapCause = Schemas["GapCause"];
export type Mark = TimelineItem["marks"][number];
export type MarkKind = Mark["kind"];
export type Coverage = Schemas["Coverage"];
export type SystemInfo = Schemas["SystemInfo"];
export type LogRecord = Schemas["LogRecord"];
export type LogList = Schemas["LogList"];
export type Health = Schemas["Health"];
export type Worker = Schemas["Worker"];
export type ServerStatus = Schemas["Status"];

/** [start, end) in milliseconds since 1970. */
export type Range = [number, number];
