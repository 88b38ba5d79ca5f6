/* The camera: seen while it looks, and a picture of what it sees. */
import { useEffect, useRef, useState } from "preact/hooks";
import { MediaIcon } from "./media_icons";
import { deviceWords } from "./media_rules";

interface CameraProps {
  readonly take: (picture: File) => void;
  readonly fail: (words: string) => void;
  readonly close: () => void;
}

/** A stream of these devices that ends with the component. Null: not yet. */
export function useDevice(wanted: MediaStreamConstraints, fail: (words: string) => void): MediaStream | null {
  const [stream, setStream] = useState<MediaStream | null>(null);
  useEffect(() => {
    let here = true;
    let mine: MediaStream | null = null;
    openDevice(wanted).then(
      (opened) => {
        mine = opened;
        if (here) setStream(opened);
        else stop(opened);
      },
      (words: Error) => here && fail(words.message),
    );
    return () => {
      here = false;
      if (mine) stop(mine);
    };
  }, []);
  return stream;
}

/** Rejects with an Error whose message is for the visitor. */
export async function openDevice(wanted: MediaStreamConstraints): Promise<MediaStream> {
  const device = wanted.video ? "camera" : "microphone";
  // A browser hides the devices from pages that anyone on the way can change.
  if (!navigator.mediaDevices) throw new Error(deviceWords({ name: "InsecureContext" }, device));
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    throw new Error(deviceWords(error, device));
  }
}

export function stop(stream: MediaStream): void {
  stream.getTracks().forEach((track) => track.stop());
}

export function Viewfinder({ stream }: { stream: MediaStream | null }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = stream;
  }, [stream]);
  return <video ref={video} class="viewfinder" autoPlay playsInline muted aria-label="What the camera sees" />;
}

export function Camera({ take, fail, close }: CameraProps) {
  const frame = useRef<HTMLDivElement>(null);
  const stream = useDevice({ video: { facingMode: "environment", width: { ideal: 1280 } } }, (words) => {
    fail(words);
    close();
  });
  const shoot = () => {
    const video = frame.current?.querySelector("video");
    const canvas = document.createElement("canvas");
    if (!video?.videoWidth) return;
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    canvas.toBlob(
      (blob) => {
        if (blob) take(new File([blob], "camera.jpg", { type: "image/jpeg" }));
        close();
      },
      "image/jpeg",
      0.92,
    );
  };
  return (
    <div class="camera" ref={frame}>
      <Viewfinder stream={stream} />
      <div class="media-actions">
        <button type="button" class="button primary small" disabled={!stream} onClick={shoot}>
          <MediaIcon name="camera" /> Take the picture
        </button>
        <button type="button" class="button secondary small" onClick={close}>
          Close
        </button>
      </div>
    </div>
  );
}
