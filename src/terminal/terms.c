#include "terminal/terms.h"

static const pb_term terms[] = {
    {"x_0, x_t, x_T",
     "An image x_0, the same image on its way to noise x_t, and pure noise x_T. A diffusion model "
     "is a network that has learnt to take a little noise away from an x_t; begun at x_T and "
     "repeated, it draws an image."},
    {"t, timestep",
     "How noisy x_t is. --t is a fraction: 0 the image, 1 pure noise; an edit happens at one t in "
     "between, high ones change shape, low ones detail. The timestep is the same as the network "
     "counts it: t times T, the number of timesteps it was trained with (mostly 1000)."},
    {"steps, time grid",
     "The way between image and noise is walked in --steps points, evenly apart; --t means the "
     "nearest of them. More take longer and come back to a photo more exactly."},
    {"inversion, reconstruction",
     "Inversion walks from a photo up to noise by steps (DDIM) that can be walked down again; the "
     "reconstruction is what comes back without an edit. It differs a little from the photo."},
    {"boost",
     "Steps near the image that add fresh noise and remove it again (\"stochastic\"), from the "
     "fraction --boost of T down. They repair blemishes that exact steps carry along, and give up "
     "a little faithfulness for it."},
    {"tap",
     "A place inside the network where a value can be looked at: x its input, down.0, down.1 … "
     "and up.0 … its blocks, mid its middle, out its output; eps the noise and x0 the clean image "
     "that it predicts. pullback info MODEL lists those of a model."},
    {"h-space, H",
     "All values that the tap mid can take, the network's bottleneck: there an image is coarsest, "
     "and the numbers stand for what it shows rather than for its pixels. X is the space of the "
     "noisy images themselves."},
    {"map, Jacobian",
     "The map is the part of the network between two taps, mostly from x to mid. Its Jacobian J "
     "says how the one changes when the other changes a little: J v is the change for a change v."},
    {"pullback metric",
     "A way of measuring changes of x_t not by their pixels but by how much they change at the "
     "tap: the length of v is that of J v. It pulls the geometry of H back to X, and gives this "
     "program its name."},
    {"basis, directions, singular values",
     "The directions v_0, v_1 … of x_t to which the tap responds most, the strongest first "
     "(singular vectors of J), with u_0, u_1 … the responses in H and the singular values, how "
     "strong they are. An edit moves x_t along one of them. What a direction does can be seen "
     "only by trying: no name comes with it."},
    {"tangent space",
     "All changes that can be made of the first directions of a basis together, at that point: "
     "the flat space that touches the curved one there. In H it is spanned by the u, in X by the "
     "v; its dimension is the basis's rank."},
    {"residual",
     "How far a computed direction is from the equations that define it, as a share of the first "
     "singular value: a certificate. --tol says how small it must be; --verify measures it "
     "again. angle_bound turns it into an estimate of the direction's error, an angle."},
    {"guidance along a direction",
     "How an edit moves by default: the network's noise at x_t and a step (--edit-step) along the "
     "direction is compared, a share (--edit-scale) of the difference added to x_t, and this "
     "repeated (--edit-iterations). --mode straight adds the direction itself."},
    {"stage, strip, strength",
     "An edit is shown in stages of growing distance to both sides of the reconstruction; all of "
     "them in a row are a strip. The strength is how far: 1 all of --edit-iterations, 0.5 half of "
     "them, as far as an edit goes by default; of one picture -0.5 is the other side."},
    {"mask, null space",
     "A mask is the region that an edit shall change. The null space holds the directions that "
     "do not change the rest: the --null-rank R directions are avoided to which the rest responds "
     "most. They are those of x_t and of small steps: of the finished edit a part of the change, "
     "told in the end, still lies outside."},
    {"transport",
     "A direction belongs to its image. Transport carries it to another: its response u is laid "
     "into the other's tangent space and pulled back to a v there. The share is what survives: 1 "
     "all, 0 nothing."},
    {"Karcher mean",
     "The mean of spaces that cannot be added: the space from which the squared distances to all "
     "of them add up to least. The tangent spaces of many images have one, whose directions "
     "can be tried on any image (\"global\" ones)."},
    {"principal angles, distances",
     "How far two tangent spaces are apart: angles between them, 0 where they share a direction "
     "and 90 degrees where nothing of one is in the other. The geodesic distance is the root of "
     "the angles' squares' sum; beside it stands what random spaces have."},
    {"pre-image, damping",
     "The change v of x_t that brings about a wanted change u at the tap (--u). Often there is "
     "none, or only a huge one; damping prefers a short v that comes near: larger is shorter and "
     "less exact."},
    {"latent, autoencoder",
     "Some models (Stable Diffusion) work on latents, small images of a few channels, which an "
     "autoencoder makes of pictures and turns back into them."},
    {"prompt, guidance scale",
     "A text that the network heeds. The guidance scale exaggerates the difference between what "
     "the prompt and what the negative prompt lead to (\"classifier-free guidance\"): 1 leaves it "
     "as it is. Not the guidance along a direction."},
    {"seed",
     "The number that random noise is drawn by: the same seed, the same noise, on any machine."},
};

const pb_term *pb_term_at(size_t i)
{
    return i < sizeof terms / sizeof *terms ? &terms[i] : NULL;
}
