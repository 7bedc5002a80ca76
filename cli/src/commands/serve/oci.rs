//! `serve --oci`

use std::sync::Arc;

use super::{Serve, ended, listen};
use crate::args::Global;
use crate::commands::context::Context;
use crate::commands::unexpected;
use crate::registries::{Daemons, Stored};
use crate::{render, where_store};
use stele::Request;
use stele::answers::Answer;
use stele::failure::Failure;
use stele::images::{ImageAnswer, ImageRequest};
use stele_daemon::process::{log_to, raise_descriptor_limit};

pub fn run(args: &Serve, address: &str, global: &Global) -> Result<(), Failure> {
    let options = args.options(&[])?;
    // A store that cannot be opened is reported now, not to the first client.
    let mut context = Context::new(global, true)?;
    let Answer::Image(ImageAnswer::Names(names)) =
        context.ask(Request::Image { ask: ImageRequest::Served {} })?
    else {
        return Err(unexpected());
    };
    let bound = listen(address)?;
    raise_descriptor_limit();
    let store = where_store::find(global.store.clone())?;
    log_to(&store, false);
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let address = format!("{scheme}://{}", bound.at);
    if global.json {
        render::json(&serde_json::json!({ "address": address, "images": names.len() }))?;
    } else {
        render::out(format!("{address}\n").as_bytes())?;
        let images = if names.len() == 1 { "image" } else { "images" };
        render::note(&format!("serving {} {images}; stop with Ctrl-C", names.len()));
    }
    if options.tls.is_none() && !bound.at.ip().is_loopback() {
        render::note(
            "every client that reaches this address can read every image, and the traffic is not encrypted",
        );
    }
    let images = Arc::new(Stored(Daemons::new(store)));
    drop(context);
    stele_registry::serve::run(bound, images, options).map_err(|e| ended(&e))
}
