/* Photos, made small enough for a bad line. */

const MOST_PX = 1600;
const QUALITY = 0.82;

/** A JPEG of at most 1600 pixels; what cannot be read as a picture is sent as it is. */
export async function smaller(file) {
  let picture;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file;
  }
  const scale = Math.min(1, MOST_PX / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  // drawn anew it carries no place and no camera of its own
  const made = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  return made ? new File([made], "photo.jpg", { type: "image/jpeg" }) : file;
}

/** A small picture of a photo as a data address. */
export async function preview(file) {
  const picture = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  const scale = 160 / Math.max(picture.width, picture.height);
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas.toDataURL("image/jpeg", 0.7);
}
