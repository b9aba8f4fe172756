// Runs in Orthanc Explorer, beside the scripts of other plugins: it defines no global name.
$(document).on("pagebeforeshow", "#instance", function () {
  "use strict";
  var STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3";
  var LABELS = {
    "1.2.840.10008.5.1.4.1.1.481.3": "Show the structure set",
    "1.2.840.10008.5.1.4.1.1.66.4": "Show the segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "Show the segmentation",
    "1.2.840.10008.5.1.4.1.1.88.22": "Show the report",
    "1.2.840.10008.5.1.4.1.1.88.33": "Show the report",
    "1.2.840.10008.5.1.4.1.1.88.34": "Show the report",
    "1.2.840.10008.5.1.4.1.1.88.35": "Show the report"
  };
  var identity = $.mobile.pageData ? $.mobile.pageData.uuid : undefined;
  $("#imaging-selection-button").remove();
  if (!/^[0-9a-f]{8}(-[0-9a-f]{8}){4}$/.test(identity || "")) {
    return;
  }
  $.get("../instances/" + identity + "/metadata/SopClassUid", function (sopClass) {
    // By now, another instance may be shown; or this response is the second one.
    if (!LABELS.hasOwnProperty(sopClass) || identity !== $.mobile.pageData.uuid) {
      return;
    }
    $("#imaging-selection-button").remove();
    $("<a>", {
      id: "imaging-selection-button",
      "data-role": "button",
      "data-icon": "search",
      "data-theme": "e",
      href: "../imaging-selection/" + (sopClass === STRUCTURE_SET ? "structure-sets/" : "instances/") + identity,
      target: "_blank",
      rel: "noopener",
      text: LABELS[sopClass],
    })
      .insertAfter($("#instance-access"))
      .button();
  }, "text");
});
